// What befalls the pages of a crowd, and when: which message has just left a page at the moment at which its tab is closed for good, or loaded anew.
// Nothing is left to chance but who it is: the first page that comes to that moment and that nothing has befallen yet.

const MOMENTS = {
  join: /^PUT \/v1\/rounds\/\d+\/joins\//,
  roster: /^GET \/v1\/rounds\/\d+\/rosters\//,
  report: /^PUT \/v1\/rounds\/\d+\/reports\//,
  outcome: /^GET \/v1\/rounds\/\d+\/outcomes\//,
  vote: /^PUT \/v1\/rounds\/\d+\/votes\//,
  disclosure: /^PUT \/v1\/rounds\/\d+\/disclosures\//,
};
/** A page that is closed leaves its masks to others in the one case, its report in the other. */
const CLOSED_AT = ["report", "join"];
/** Those with a vote or a disclosure sit on the committee that opens the sum. */
const RELOADED_AT = ["join", "vote", "report", "disclosure", "roster", "outcome"];

/** So many closings and reloads, spread over the rounds; the first round is left alone, in which the last of the crowd arrive. */
export function mishaps({ closed, reloaded, rounds }) {
  const all = [
    ...Array.from({ length: closed }, (_, i) => ({ what: "close", at: CLOSED_AT[i % CLOSED_AT.length], share: (i + 0.5) / closed })),
    ...Array.from({ length: reloaded }, (_, i) => ({ what: "reload", at: RELOADED_AT[i % RELOADED_AT.length], share: (i + 0.5) / reloaded })),
  ];
  // Before the last round: what is due only then may find no page at its moment any more.
  return all.map(({ share, ...mishap }) => ({ ...mishap, from: 1 + Math.floor(share * Math.max(rounds - 2, 0)) })).sort((a, b) => a.from - b.from);
}

/** Takes the mishap out of `pending` that is due at this request, once there are `version` versions. */
export function due(pending, { method, url }, version) {
  const i = pending.findIndex(({ at, from }) => from <= version && MOMENTS[at].test(`${method} ${url}`));
  return i < 0 ? undefined : pending.splice(i, 1)[0];
}
