"use client";
import { useEffect, useRef } from "react";
import { useConsents, useLedger, useQueue, useSottovoce } from "sottovoce/react";

export default function Songs() {
  const { engine, status, error } = useSottovoce({ server: process.env.NEXT_PUBLIC_SERVER });
  const { songs, reasons, observe } = useQueue(engine, { k: 5 });
  const [consents, setConsent] = useConsents(engine);
  const ledger = useLedger(engine);
  const queues = useRef([]);
  useEffect(() => {
    if (error) globalThis.report = { failed: String(error) };
    if (!songs.length) return;
    queues.current.push(songs.map(({ id }) => id));
    if (queues.current.length === 1) observe(songs[0].id, { kind: "skip", heard: 0 });
    if (queues.current.length === 2) setConsent({ recall: true });
  }, [songs, error]);
  useEffect(() => {
    if (!consents?.recall || !ledger) return;
    globalThis.report = { queues: queues.current, songs: engine.songs.size, reasons: reasons.length, consents, ledger: ledger.entries.length };
  }, [consents, ledger]);
  return <ol data-status={status}>{songs.map(({ id, title }) => <li key={id}>{title}</li>)}</ol>;
}
