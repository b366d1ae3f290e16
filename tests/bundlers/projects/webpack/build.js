// webpack through its own interface: one dependency less than its command line.
import webpack from "webpack";
import config from "./webpack.config.js";

webpack(config, (error, stats) => {
  const said = error ? String(error) : stats.hasErrors() ? stats.toString({ all: false, errors: true }) : "";
  if (said) console.error(said);
  process.exitCode = said ? 1 : 0;
});
