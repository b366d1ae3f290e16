// Compiles only if the types say what the documentation says; each "@ts-expect-error" is a mistake that they must catch.
import { Sottovoce, codeOf, songId, type Acknowledged, type EngineEvent, type SongId } from "sottovoce";
import { Sottovoce as Inline } from "sottovoce/inline";
import { Sottovoce as Full } from "sottovoce/full";
import { Recommender } from "sottovoce/slim";
import { openInWorker } from "sottovoce/worker";
import { useQueue, useSottovoce as useInReact } from "sottovoce/react";
import { useSottovoce } from "sottovoce/vue";

export async function use(): Promise<void> {
  await using engine = await Sottovoce.open({ config: { method: "ssd", quota: true } });
  const [song] = engine.recommend({ k: 3, around: songId(4) });
  const acknowledged: Acknowledged = await engine.observe({ song: song!, slot: 0, shownAt: 0, feedback: { kind: "skip", heard: 0.5 } });
  if (acknowledged.kind === "memory") acknowledged.why satisfies string;
  // @ts-expect-error a number is no song
  engine.near(7);
  // @ts-expect-error a skip says how much was heard
  void engine.observe({ song: song!, slot: 0, shownAt: 0, feedback: { kind: "skip" } });
  void engine.observe({ song: song!, slot: 0, shownAt: 0, playedMs: 9, feedback: { kind: "skip" } });
  // @ts-expect-error no such setting
  engine.configure({ relevence: 1 });
  // @ts-expect-error no such event
  engine.on("chnage", () => {});
  engine.on("change", ({ cause }) => cause satisfies "observe" | "undo" | "weights" | "delete" | "restore" | "import" | "config" | "interests" | "songs");
  told({ type: "consent", on: true, consents: engine.consents });
  engine.setConsent({ recall: true });
  engine.portrait().explore?.stars satisfies 1 | 2 | 3 | 4 | 5 | undefined;
  const inline: Sottovoce = await Inline.open();
  await inline.close();
  new Recommender({ config: { diversity: 0.5 } }).recommend() satisfies SongId[];
  const remote = await openInWorker({ signal: AbortSignal.timeout(1) });
  (await remote.recommend({ k: 1 })) satisfies SongId[];
  (await remote.seen) satisfies number;
  (await (await openInWorker({ full: true })).interests(3))[0]?.weight satisfies number | undefined;
  // @ts-expect-error a function cannot travel
  await openInWorker({ fetch });
  useQueue(engine, { k: 1 }).songs[0]?.title satisfies string | undefined;
  useSottovoce().engine.value?.online satisfies boolean | undefined;
  useSottovoce({ open: Full.open }).engine.value?.interests() satisfies object[] | undefined;
  useInReact({ open: Inline.open }).engine?.online satisfies boolean | undefined;
  // @ts-expect-error what opens must give an engine
  useInReact({ open: async () => 7 });
  codeOf(new Error()) satisfies string | undefined;
}

function told(event: EngineEvent): string {
  switch (event.type) {
    case "change": return event.cause;
    case "consent": return String(event.consents.rounds);
    case "storage": return event.storage.kind;
    case "connection": return String(event.online);
    case "contribution": return event.result.kind === "sent" ? event.result.status : event.result.kind;
    case "pause": return String(event.paused);
    case "round": return event.state.phase;
    case "ledger": return "";
  }
}
