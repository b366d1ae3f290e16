// One tab at a time keeps the state.

/**
 * Holds the Web Lock `name`, so that two tabs never write over each other. `lost` is called when another tab takes it away.
 * Without Web Locks every caller holds it.
 *
 * @returns a function that lets go, or `undefined` when another tab holds it.
 * @internal
 */
export async function hold(name: string, steal: boolean, lost: () => void): Promise<(() => void) | undefined> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return () => {};
  let release = () => {};
  const forAsLong = new Promise<void>((resolve) => {
    release = resolve;
  });
  return new Promise((resolve) => {
    // A tab that is just reloading still holds the lock for a moment.
    const options: LockOptions = steal ? { steal } : { signal: AbortSignal.timeout(600) };
    let held = false;
    locks
      .request(name, options, () => {
        held = true;
        resolve(release);
        return forAsLong;
      })
      .catch(() => (held ? lost() : resolve(undefined)));
  });
}
