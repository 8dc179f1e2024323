// Whether what runs in this container works, for HEALTHCHECK and for probes that run a command: exit code 0 or 1.
//   node healthcheck.mjs                            the console of a balancer says that it is live
//   node healthcheck.mjs http://127.0.0.1:3000/     a page answers 2xx
//   node healthcheck.mjs agent-check://127.0.0.1:9777   an agent answers; it listens with --listen-agent-check 9777

import { connect } from 'node:net';

const TIMEOUT_MS = 4000;

/** The console's page, wherever the balancer's own variables put it. */
function livePage() {
  const { MEERCAT_PORT, MEERCAT_CONSOLE_PORT } = process.env;
  return `http://127.0.0.1:${MEERCAT_CONSOLE_PORT || Number(MEERCAT_PORT || 8080) + 1000}/.meercat/live`;
}

/** The first line that an agent answers HAProxy. */
function agentLine({ hostname, port }) {
  return new Promise((resolve, reject) => {
    let text = '';
    connect({ host: hostname, port: Number(port) })
      .setEncoding('utf8')
      .on('data', (chunk) => (text += chunk))
      .on('end', () => resolve(text.trim()))
      .on('error', reject);
  });
}

async function check(url) {
  if (url.protocol === 'agent-check:') {
    const line = await agentLine(url);
    return { isGood: /^up\b/.test(line), said: line };
  }
  const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(TIMEOUT_MS) });
  return { isGood: answer.ok, said: `${answer.status} ${await answer.text()}` };
}

// A check that hangs has failed.
setTimeout(() => end(false, 'no answer'), TIMEOUT_MS);
const url = process.argv[2] ?? livePage();

function end(isGood, said) {
  process.stdout.write(`${url}: ${said}\n`, () => process.exit(isGood ? 0 : 1));
}

try {
  const { isGood, said } = await check(new URL(url));
  end(isGood, said);
} catch (error) {
  end(false, error.cause?.message ?? error.message);
}
