// An application for the examples of deploy/: it stands where yours will. It shows the two things that a host in a
// container does for Meercat: a page that says how busy it is, and an end that cuts no request off.
//   PORT        3000: GET / answers the host's name; GET /work?ms=5 burns that much CPU
//   LOAD_PORT   3001: GET /load answers with ORCA's names; a port of its own, so that no client of the fleet sees it
//   CORES       how many cores the container may use; default: all that Node.js sees
//   NAME        what / answers; default: the machine's name

import { createServer } from 'node:http';
import { availableParallelism, hostname, totalmem } from 'node:os';

const { PORT = '3000', LOAD_PORT = '3001', CORES, NAME = hostname() } = process.env;
const SAMPLE_MS = 1000;
const MAX_WORK_MS = 10_000;
const SLICE_MS = 20;

const cores = Number(CORES) > 0 ? Number(CORES) : availableParallelism();
const limitBytes = Math.min(process.constrainedMemory?.() || Infinity, totalmem());

let requests = 0;
let load = { cpu: 0, rps: 0 };
let last = { atMs: performance.now(), cpu: process.cpuUsage(), requests };

function sample() {
  const elapsedMs = performance.now() - last.atMs;
  const { user, system } = process.cpuUsage(last.cpu);
  load = { cpu: (user + system) / 1000 / elapsedMs / cores, rps: ((requests - last.requests) * 1000) / elapsedMs };
  last = { atMs: performance.now(), cpu: process.cpuUsage(), requests };
}

/** Burns this much CPU time; others are served in between. */
async function burn(ms) {
  for (let leftMs = ms; leftMs > 0; leftMs -= SLICE_MS) {
    const start = process.cpuUsage();
    let used;
    do used = process.cpuUsage(start);
    while (used.user + used.system < Math.min(leftMs, SLICE_MS) * 1000);
    await new Promise((resolve) => setImmediate(resolve));
  }
}

const application = createServer(async (request, response) => {
  requests++;
  request.resume();
  // By hand: as a URL some paths can't be read, such as //.
  const [path, query] = (request.url ?? '').split('?', 2);
  const ms = path === '/work' ? Number(new URLSearchParams(query).get('ms') ?? 5) : 0;
  if (!(ms >= 0 && ms <= MAX_WORK_MS)) {
    response.writeHead(400).end(`ms: 0 to ${MAX_WORK_MS}\n`);
    return;
  }
  await burn(ms);
  response.writeHead(200, { 'Content-Type': 'text/plain' }).end(`${NAME}\n`);
});
// Longer than balancers keep a connection without a request: they close first, and no request meets a closed one.
application.keepAliveTimeout = 60_000;

const loadPage = createServer((request, response) => {
  request.resume();
  response.writeHead(200, { 'Content-Type': 'application/json' }).end(
    JSON.stringify({
      cpu_utilization: load.cpu,
      mem_utilization: process.memoryUsage.rss() / limitBytes,
      rps_fractional: load.rps,
      named_metrics: { cores },
    }),
  );
});

/** Takes no new connections, finishes what is under way, and ends; its agent has said goodbye by then. */
function stop() {
  loadPage.close();
  loadPage.closeAllConnections();
  application.close(() => process.exit(0));
  application.closeIdleConnections();
}

setInterval(sample, SAMPLE_MS).unref();
process.on('SIGTERM', stop).on('SIGINT', stop);
loadPage.listen(Number(LOAD_PORT));
application.listen(Number(PORT), () => process.stdout.write(`${NAME} listens on ${application.address().port}\n`));
