// A host of the fault rounds: a process of its own that can be killed and started again on its port. Each request takes a
// random time within bounds, so that an answer that takes longer is late. It reports its load to each fleet, as an agent
// beside it would.

import { parseRedisAddress } from '../../redis/address.js';
import { openCommands } from '../../redis/connect.js';
import { buildKeys } from '../../redis/keys.js';
import { encodeReport } from '../../redis/report-message.js';
import { SharedProcessor } from '../shared-processor.js';
import { answerOf, type HostRequest, listen, portOf, readRequests } from '../virtual-host-http.js';

/** Simulated cores: enough for all contestants at once, so that no request waits for another one. */
const CORES = 32;

/** The least work of a request; it is uniformly distributed. */
export const LEAST_WORK_MS = 5;
/** The most work of a request. */
export const MOST_WORK_MS = 25;

/** The agents' default interval. */
const REPORT_MS = 1000;

/** The body of the answer to a request. */
export function faultBodyOf(host: string, id: string): string {
  return `${host} ${id}\n`;
}

/** Runs the role `fault-host NAME PORT REDIS_URL NAMESPACE…`; port 0 for a free one. Without namespaces it reports nothing. */
export async function runFaultHost([name = '', port = '0', redis = '', ...namespaces]: readonly string[]): Promise<() => void> {
  const processor = new SharedProcessor<HostRequest>(CORES, 1, performance.now());
  let timer: NodeJS.Timeout | undefined;
  const answerDone = (): void => {
    clearTimeout(timer);
    for (const { item } of processor.advance(performance.now())) {
      if (item.socket.writable) item.socket.write(answerOf(faultBodyOf(name, item.id)));
    }
    if (processor.inflight > 0) timer = setTimeout(answerDone, Math.ceil(processor.nextAtMs - performance.now()));
  };
  const server = await listen(
    (socket) =>
      readRequests(socket, (asked) => {
        answerDone();
        processor.add(LEAST_WORK_MS + (MOST_WORK_MS - LEAST_WORK_MS) * Math.random(), asked);
        answerDone();
      }),
    Number(port),
  );
  const url = `http://127.0.0.1:${portOf(server)}`;
  const client = namespaces.length === 0 ? undefined : openCommands(parseRedisAddress(redis));
  let before = { ...processor.meter, atMs: performance.now() };
  const report = (): void => {
    answerDone();
    const now = { ...processor.meter, atMs: performance.now() };
    const cpu = Math.min(1, Math.max(0, (now.busyMs - before.busyMs) / (CORES * (now.atMs - before.atMs)))) || 0;
    before = now;
    const text = encodeReport({ host: name, url, cpu, memory: 0.3, cores: CORES, rps: null, intervalMs: REPORT_MS, bye: false });
    for (const namespace of namespaces) client?.publish(buildKeys(namespace).reports, text).catch(() => undefined);
  };
  client?.on('ready', report);
  const reporting = setInterval(report, REPORT_MS);
  process.send?.({ type: 'ready', port: portOf(server) });
  return () => {
    clearTimeout(timer);
    clearInterval(reporting);
    server.close();
    client?.disconnect();
  };
}
