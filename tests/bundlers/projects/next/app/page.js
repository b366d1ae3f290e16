import { codeOf, songId } from "sottovoce";
import Songs from "./songs.js";

// A server component that imports the package and runs some of it: nothing of the browser may be asked for on import.
export default function Page() {
  return <main data-code={codeOf({ code: `server-${songId(7)}` })}><Songs /></main>;
}
