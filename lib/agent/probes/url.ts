// Asks the host itself: GETs a URL that answers JSON with the names of ORCA's load report
// (https://github.com/cncf/xds/blob/main/xds/data/orca/v3/orca_load_report.proto).
// The answer is not trusted: it must be 200, small, in time and JSON, and each figure must be in range.
// Redirects are not followed, and nothing of the answer's text reaches a log.

import { request as httpRequest } from 'node:http';
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { messageOf } from '../../errors.js';
import type { HostFigures } from '../../model.js';
import type { Probe, ProbeOptions } from '../probe.js';
import { fractionOf } from './figures.js';

const ANSWER_LIMIT_BYTES = 64 * 1024;
/** Figures above these are a fault of the page, not a fast host. */
const HIGHEST_RPS = 1e9;
const HIGHEST_CORES = 1e5;

/**
 * Opens the probe of a page with ORCA's names; see {@link figuresOfOrca}. Does not contact it yet.
 * A read opens a connection of its own, and rejects when it gets no usable answer within `timeoutMs`.
 */
export async function openUrlProbe(url: URL, options: ProbeOptions): Promise<Probe> {
  const name = `${url.origin}${url.pathname}`; // without user, password and query: these may be secret
  const underWay = new Set<ClientRequest>();
  let isClosed = false;

  const read = async (): Promise<HostFigures> => {
    if (isClosed) throw new Error(`the probe of ${name} is closed`);
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = send(url, { agent: false, headers: { accept: 'application/json', 'accept-encoding': 'identity' } });
    underWay.add(request);
    let isLate = false;
    const deadline = setTimeout(() => {
      isLate = true;
      request.destroy();
    }, options.timeoutMs);
    try {
      const figures = figuresOfOrca(await answerOf(request));
      return { ...figures, cores: options.coresLimit ?? figures.cores };
    } catch (error) {
      const reason = isLate ? `no answer within ${options.timeoutMs} ms` : isClosed ? 'closed' : messageOf(error);
      throw new Error(`GET ${name}: ${reason}`, { cause: error });
    } finally {
      clearTimeout(deadline);
      underWay.delete(request);
      request.destroy();
    }
  };

  const close = () => {
    isClosed = true;
    for (const request of underWay) request.destroy();
  };
  return { kind: 'url', read, close };
}

/**
 * The figures in a load report that was decoded from JSON. CPU is `cpu_utilization`, which ORCA allows
 * above 1: it is clamped; where it is absent, `application_utilization`. Memory is `mem_utilization`,
 * requests per second `rps_fractional`, or else the older `rps`; cores are `named_metrics.cores`, a
 * convention of Meercat's. What is absent, not a number, negative or absurdly large is null.
 * Throws an Error when the report is not an object.
 */
export function figuresOfOrca(report: unknown): HostFigures {
  if (!isRecord(report)) throw new Error('the answer is not a JSON object');
  const metrics = isRecord(report['named_metrics']) ? report['named_metrics'] : {};
  const cores = numberWithin(metrics['cores'], HIGHEST_CORES);
  return {
    cpu: fractionOf(numberWithin(report['cpu_utilization'] ?? report['application_utilization'], Number.MAX_VALUE), 1),
    memory: fractionOf(numberWithin(report['mem_utilization'], Number.MAX_VALUE), 1),
    cores: cores === 0 ? null : cores,
    rps: numberWithin(report['rps_fractional'] ?? report['rps'], HIGHEST_RPS),
  };
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function numberWithin(value: unknown, highest: number): number | null {
  return typeof value === 'number' && value >= 0 && value <= highest ? value : null;
}

/** Sends a request and decodes its answer. Rejects in any case other than a 200 with a small JSON text. */
async function answerOf(request: ClientRequest): Promise<unknown> {
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    request.on('response', resolve);
    request.on('error', reject);
    request.on('close', () => reject(new Error('the connection closed without an answer')));
    request.end();
  });
  if (response.statusCode !== 200) throw new Error(`the answer is ${response.statusCode}, not 200`);
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > ANSWER_LIMIT_BYTES) throw new Error(`the answer is larger than ${ANSWER_LIMIT_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new Error('the answer is not JSON');
  }
}
