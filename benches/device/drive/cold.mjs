// From code that was never fetched to the first recommendation: each engine in browsers that were never used, in turn.

export async function cold(pages, peers, times, tell) {
  const starts = [["own", "engine=own"], ["network", "engine=own&network"], ["bare", "engine=bare"], ...peers.map((name) => [name, `engine=${name}`])];
  const samples = Object.fromEntries(starts.map(([name]) => [name, []]));
  for (let i = 0; i < times; i += 1) {
    for (let turn = 0; turn < starts.length; turn += 1) {
      const [name, query] = starts[(i + turn) % starts.length];
      const { ms } = await pages.resultInFreshBrowser(`cold.html?${query}`);
      samples[name].push(ms);
    }
  }
  const { own, network, bare } = samples;
  tell({ op: "cold_start", unit: "ms", own, peers: peers.map((name) => ({ name, samples: samples[name] })) });
  tell({ op: "cold_start_with_catalogue", unit: "ms", own: network, peers: [] });
  tell({ op: "cold_start_floor", unit: "ms", own: bare, peers: [] });
}
