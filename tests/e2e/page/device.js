// A page with an engine and nothing around it: hears songs that it makes up, and takes part in rounds. The script that drives it holds on to
// `window.device`. A page that comes back goes on by itself where the listener had agreed, as a player does.

import { Sottovoce } from "./sottovoce/full.js";

/** What a page of a crowd on one machine can promise: some machine that runs this may be a laptop away from its charger. */
const MOMENT = { charging: false, unmetered: false };
/** With this at the end of its address it only shows what is kept. */
const LOOKS_ONLY = location.hash === "#look";

/** Requests with a body that are under way. */
let leaving = 0;
const engine = await Sottovoce.open({
  fetch: async (input, options) => {
    const counts = options?.body !== undefined;
    leaving += counts;
    try {
      return await fetch(input, options);
    } finally {
      leaving -= counts;
    }
  },
});

let stop = new AbortController();
let running;

/** Takes part until it is told to stop; anything else that ends it is a complaint. */
function participate() {
  const { signal } = stop;
  running = engine.participate({ ...MOMENT, signal }).catch((error) => {
    if (error !== signal.reason) console.error(`participate: ${error.code ?? ""} ${error.message}`);
  });
}

window.device = {
  /** Hears so many songs: those of one artist in `kinds` to the end, of the others a little. */
  async hear(songs, kinds, kind) {
    let heard;
    for (let i = 0; i < songs; i += 1) {
      const [song] = engine.recommend({ k: 1 });
      const likes = engine.songs.get(song).artistId % kinds === kind;
      const feedback = likes || i % 3 === 0 ? { kind: "complete" } : { kind: "skip", heard: 0.1 };
      heard = engine.observe({ song, slot: 0, shownAt: Date.now(), feedback });
    }
    return (await heard).kind;
  },

  agree() {
    engine.setConsent({ rounds: true });
    participate();
  },

  /** Ends it between two messages, so that what left can be counted. */
  async stop() {
    while (leaving > 0) await new Promise((resolve) => setTimeout(resolve, 20));
    stop.abort();
    await running;
    await engine.flush();
  },

  async told() {
    const { sentMessages, sentBytes } = engine.ledger();
    const { included, why, phase } = engine.roundState();
    const { epsilon, rounds } = await engine.privacy();
    return { sentMessages, sentBytes, included, why, phase, epsilon, rounds, seen: engine.seen, consent: engine.consent, storage: engine.storage.kind };
  },
};

if (engine.consent && !LOOKS_ONLY) participate();
