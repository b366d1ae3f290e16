// An hour of listening, played back in the page through the package's face: no task of it may keep the page waiting.

export async function hour(pages) {
  const { events, longTasks, longest } = await pages.result("hour.html");
  return { op: "requeue_hour", unit: "tasks over 50 ms", own: [longTasks.length], peers: [], events, longest_event_ms: longest, over_50_ms: longTasks.map(({ duration }) => duration) };
}
