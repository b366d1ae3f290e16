/**
 * The engine as React hooks. Rendering on a server is safe: nothing is opened there.
 *
 * They take any engine. {@link useSottovoce} opens that of `sottovoce`, or another one by its `open`; one that the page opened itself goes
 * straight into {@link useQueue} and the others, and stays the page's to close.
 *
 * @packageDocumentation
 */
import { useCallback, useEffect, useRef, useState } from "react";
import {
  Sottovoce, type ComponentOptions, type Consents, type EngineEvent, type Feedback, type Ledger, type Moment, type Privacy, type RecommendOptions,
  type RoundState, type SlotReason, type Song, type SongId, type Upload,
} from "./index.js";

/** How far {@link useSottovoce} is. */
export type Opening =
  | { readonly status: "opening"; readonly engine: undefined; readonly error: undefined }
  | { readonly status: "open"; readonly engine: Sottovoce; readonly error: undefined }
  | { readonly status: "failed"; readonly engine: undefined; readonly error: unknown };

const OPENING: Opening = { status: "opening", engine: undefined, error: undefined };

/**
 * Opens an engine for as long as the component is there, and closes it with it. Another `server`, `name` or `store` opens
 * another one; other options count when it opens.
 *
 * ```tsx
 * import { Sottovoce } from "sottovoce/full";
 * const { engine } = useSottovoce({ server: "https://music.example", open: Sottovoce.open });
 * const interests = engine?.interests();
 * ```
 */
export function useSottovoce(options: ComponentOptions = {}): Opening {
  const [state, setState] = useState<Opening>(OPENING);
  const latest = useRef(options);
  latest.current = options;
  /** The engine before; its lock must be free first. Strict mode opens, closes and opens. */
  const before = useRef<Promise<unknown>>(Promise.resolve());
  const { server, name, store } = options;
  const address = server && String(server);
  useEffect(() => {
    const gone = new AbortController();
    const opening = before.current.then(async () => {
      gone.signal.throwIfAborted();
      const { open = Sottovoce.open, ...asked } = latest.current;
      return open({ ...asked, signal: asked.signal ? AbortSignal.any([gone.signal, asked.signal]) : gone.signal });
    });
    before.current = opening.then(
      (engine) => {
        if (gone.signal.aborted) return engine.close();
        setState({ status: "open", engine, error: undefined });
        return new Promise<void>((closed) => gone.signal.addEventListener("abort", () => void engine.close().then(closed)));
      },
      (error: unknown) => {
        if (!gone.signal.aborted) setState({ status: "failed", engine: undefined, error });
      },
    );
    return () => {
      gone.abort();
      setState(OPENING);
    };
  }, [address, name, store]);
  return state;
}

/** Calls `listener` on every event of that type. */
export function useEngineEvent<T extends EngineEvent["type"]>(
  engine: Sottovoce | undefined, type: T, listener: (event: Extract<EngineEvent, { type: T }>) => void,
): void {
  const latest = useRef(listener);
  latest.current = listener;
  useEffect(() => engine?.on(type, (event) => latest.current(event)), [engine, type]);
}

/** Songs to come, and what can be done with them. */
export interface Queue {
  readonly songs: readonly Song[];
  /** Why each of them stands where it stands. */
  readonly reasons: readonly SlotReason[];
  /** Tells the engine what came of a song; the queue follows. */
  readonly observe: (song: SongId, feedback: Feedback, shownAt?: number) => void;
  /** Takes the last event back. */
  readonly undo: () => void;
}

/** The next songs, ordered anew whenever something changes. */
export function useQueue(engine: Sottovoce | undefined, options: RecommendOptions = {}): Queue {
  const [slate, setSlate] = useState<Pick<Queue, "songs" | "reasons">>({ songs: [], reasons: [] });
  const latest = useRef(options);
  latest.current = options;
  const asked = JSON.stringify({ ...options, candidates: options.candidates && [...options.candidates] });
  const requeue = useCallback(() => {
    if (!engine) return;
    const ids = engine.recommend(latest.current);
    setSlate({ songs: ids.flatMap((id) => engine.songs.get(id) ?? []), reasons: engine.explain() });
  }, [engine]);
  useEffect(requeue, [requeue, asked]);
  useEngineEvent(engine, "change", requeue);
  const observe = useCallback<Queue["observe"]>(
    (song, feedback, shownAt = Date.now()) => {
      const slot = Math.max(0, slate.songs.findIndex(({ id }) => id === song));
      void engine?.observe({ song, slot, shownAt, feedback });
    },
    [engine, slate],
  );
  const undo = useCallback(() => void engine?.undo(), [engine]);
  return { ...slate, observe, undo };
}

/** What the listener agreed to, and a way to change it. */
export function useConsents(engine: Sottovoce | undefined): [Consents | undefined, (given: Partial<Consents>) => void] {
  const [consents, setConsents] = useState<Consents>();
  useEffect(() => setConsents(engine?.consents), [engine]);
  useEngineEvent(engine, "consent", ({ consents: now }) => setConsents(now));
  return [consents, useCallback((given) => engine?.setConsent(given), [engine])];
}

/** Everything that crossed the wire. */
export function useLedger(engine: Sottovoce | undefined): Ledger | undefined {
  const [ledger, setLedger] = useState<Ledger>();
  useEffect(() => setLedger(engine?.ledger()), [engine]);
  useEngineEvent(engine, "ledger", () => setLedger(engine?.ledger()));
  return ledger;
}

/** How secure rounds stand; each is undefined until it is known. */
export interface Rounds {
  readonly state: RoundState | undefined;
  readonly privacy: Privacy | undefined;
  /** What is about to leave, or has just left. */
  readonly upload: Upload | undefined;
  /** Why this device can take no part. */
  readonly error: unknown;
}

const NO_ROUNDS: Rounds = { state: undefined, privacy: undefined, upload: undefined, error: undefined };

/**
 * Tells how secure rounds stand, for an engine of `sottovoce/full`. With `participate` it takes part in them, for as long as the component is
 * there and the listener consents; the rest of the options are those of `engine.participate`.
 */
export function useRounds(engine: Sottovoce | undefined, { participate = false, ...moment }: Moment & { readonly participate?: boolean } = {}): Rounds {
  const [rounds, setRounds] = useState(NO_ROUNDS);
  const tell = useCallback(() => {
    if (!engine) return setRounds(NO_ROUNDS);
    const [state, upload] = [engine.roundState(), engine.explainUpload()];
    setRounds((before) => ({ ...before, state, upload }));
    // An engine that is closed meanwhile has nothing to tell.
    engine.privacy().then((privacy) => setRounds((before) => ({ ...before, privacy })), () => {});
  }, [engine]);
  useEffect(tell, [tell]);
  useEngineEvent(engine, "round", tell);
  useEngineEvent(engine, "change", ({ cause }) => cause === "delete" && tell());
  const [consents] = useConsents(engine);
  const [paused, setPaused] = useState(engine?.paused);
  useEffect(() => setPaused(engine?.paused), [engine]);
  useEngineEvent(engine, "pause", (event) => setPaused(event.paused));
  const may = participate && consents?.rounds && paused === false;
  const when = JSON.stringify(moment);
  useEffect(() => {
    if (!engine || !may) return undefined;
    const gone = new AbortController();
    const failed = (error: unknown) => gone.signal.aborted || setRounds((before) => ({ ...before, error }));
    setRounds((before) => ({ ...before, error: undefined }));
    engine.participate({ ...(JSON.parse(when) as Moment), signal: gone.signal }).catch(failed);
    return () => gone.abort();
  }, [engine, may, when]);
  return rounds;
}
