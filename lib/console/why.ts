// `meercat why`: asks a balancer, through Redis, why a request went to its host or to which host one would go, and
// prints the answer. The question is an event, the answer a key that stands for some seconds.

import { USUAL_METHODS } from '../config/methods.js';
import { MeercatError } from '../errors.js';
import type { AskedRequest, Explanation, WhyQuestion } from '../explanation.js';
import { reasonOf } from '../redis/connect.js';
import { publishEvent } from '../redis/fleet-store.js';
import { buildKeys } from '../redis/keys.js';
import { isName, NAME_RULE } from '../redis/names.js';
import {
  areAskedHeaders,
  isAskedClient,
  isAskedHost,
  isAskedMethod,
  isAskedShort,
  isAskedTarget,
  MAX_ASKED_HEADERS,
  MAX_ASKED_TARGET,
} from '../redis/why-message.js';
import { isRequestId, REQUEST_ID_RULE } from '../request-id.js';
import { readOperatorKeys, signerOf } from './operator-key.js';
import { connectForPerson } from './status.js';
import { askFleet, explanationFields, type PublishQuestion, unknownPhrase } from './why-ask.js';
import { renderWhy } from './why-words.js';

/** Options of `why`. */
export interface WhyOptions {
  readonly question: WhyQuestion;
  /** Who makes a dry run; undefined: the master, or else who joined first. */
  readonly balancer: string | undefined;
  readonly redis: string;
  readonly namespace: string;
  /** The file with the fleet's or the operator's key; empty or missing for none. */
  readonly fleetKeyFile?: string | undefined;
  readonly isJson: boolean;
}

/** What a dry run may have besides its method and path. */
export interface AskedMore {
  /** Header fields, as `Name: value`. */
  readonly headers?: readonly string[];
  readonly client?: string | undefined;
}

/**
 * What a person asks, from the arguments: an id, or a method and a path or URL (alone it is GET). Throws MEERCAT_BAD_CONFIG.
 * A header Host counts as the host of a path.
 */
export function readQuestion(what: string, path: string | undefined, balancer: string | undefined, more: AskedMore = {}): WhyQuestion {
  if (balancer !== undefined && !isName(balancer)) throw wrong(`--balancer: a balancer's name is ${NAME_RULE}`);
  const { headers = [], client } = more;
  if (path === undefined && isRequestId(what) && !URL_START.test(what) && !USUAL_METHODS.includes(what.toUpperCase())) {
    if (headers.length > 0 || client !== undefined) throw wrong('--header and --client go with a dry run (meercat why GET /path)');
    if (balancer === undefined) return { id: what };
    throw wrong('--balancer goes with a dry run (meercat why GET /path): of an id every balancer is asked that may know it');
  }
  const [method, target] = path === undefined && URL_START.test(what) ? ['GET', what] : [what.toUpperCase(), path];
  if (target === undefined) {
    throw wrong(
      `${shown(what)} is neither the id of a request, as X-Request-Id and the access log have it (85972bd5-1f; ${REQUEST_ID_RULE}), nor a method with a path (meercat why GET /path)`,
    );
  }
  if (!isAskedMethod(method)) throw wrong(`${shown(what)} is no method: give one and a path, as in meercat why GET /path`);
  const asked: AskedRequest = { method, ...readTarget(target), ...readHeaders(headers), ...(client !== undefined && { client }) };
  if (client !== undefined && !isAskedClient(client)) throw wrong(`--client: ${shown(client)} is no IP address`);
  if (!isAskedShort(asked)) throw wrong(`path, host and headers have more than ${MAX_ASKED_TARGET} characters together`);
  return asked;
}

const URL_START = /^(?:\/|https?:\/\/)/i;

/** A path; or a URL, which also tells host and scheme. */
function readTarget(text: string): Pick<AskedRequest, 'target' | 'host' | 'scheme'> {
  const [, scheme, host = '', rest = ''] = /^(https?):\/\/([^/?#]*)(.*)$/is.exec(text) ?? [];
  const target = scheme === undefined ? text : rest.startsWith('/') ? rest : `/${rest}`;
  if (!isAskedTarget(target))
    throw wrong(
      `${shown(text)} is no path: it starts with / or is a URL, and is printable ASCII without spaces, at most ${MAX_ASKED_TARGET} characters`,
    );
  if (scheme === undefined) return { target };
  if (!isAskedHost(host)) throw wrong(`${shown(text)} names no host`);
  return { target, host, ...(scheme.toLowerCase() === 'https' && { scheme: 'https' }) };
}

/** The fields of --header; a Host among them stands by itself. */
function readHeaders(lines: readonly string[]): Pick<AskedRequest, 'headers' | 'host'> {
  const pairs = lines.map((line): [string, string] => {
    const colon = line.indexOf(':');
    if (colon < 1) throw wrong(`--header: ${shown(line)} is no header: write it as 'Name: value'`);
    return [line.slice(0, colon), line.slice(colon + 1).trim()];
  });
  const host = pairs.find(([name]) => name.toLowerCase() === 'host')?.[1];
  const headers = pairs.filter(([name]) => name.toLowerCase() !== 'host').flat();
  if (host !== undefined && !isAskedHost(host)) throw wrong(`--header: ${shown(host)} is no Host`);
  if (!areAskedHeaders(headers))
    throw wrong(`--header: names are tokens, values printable ASCII, and there are at most ${MAX_ASKED_HEADERS} of them`);
  return { ...(host !== undefined && { host }), ...(headers.length > 0 && { headers }) };
}

/**
 * Asks and prints. Rejects with MEERCAT_UNKNOWN_REQUEST when nobody knows the request (any more), MEERCAT_REQUEST_REFUSED when no such request is forwarded, MEERCAT_UNKNOWN_BALANCER, MEERCAT_NO_ANSWER, and MEERCAT_NO_REDIS.
 */
export async function askWhy(options: WhyOptions, out: { write(text: string): unknown }): Promise<void> {
  const { question, isJson } = options;
  const ring = readOperatorKeys(options.fleetKeyFile);
  const client = await connectForPerson(options.redis);
  try {
    const keys = buildKeys(options.namespace);
    let signer: ReturnType<typeof signerOf> | undefined;
    const publish: PublishQuestion = async (event) => publishEvent(client, keys, event, await (signer ??= signerOf(client, keys, ring)));
    const { balancer, answer } = await askFleet(client, keys, question, options.balancer, publish).catch((error: unknown) => {
      if (error instanceof MeercatError) throw error;
      throw new MeercatError('MEERCAT_NO_REDIS', `Redis did not take it: ${reasonOf(error)}`, { cause: error });
    });
    if (answer.status !== 'explained' && answer.status !== 'unpicked')
      throw new MeercatError('MEERCAT_UNKNOWN_REQUEST', unknownPhrase(answer.status, balancer, question, keys));
    const refusal = 'id' in question || answer.status !== 'explained' ? undefined : refusalIn(balancer, answer.explanation);
    // Of a request without a route the routes that come nearest are told.
    if (refusal === undefined || (answer.status === 'explained' && answer.explanation.route !== null))
      out.write(
        `${isJson ? JSON.stringify(explanationFields(balancer, question, answer), null, 2) : renderWhy(balancer, question, answer, Date.now())}\n`,
      );
    if (refusal !== undefined) throw refusal;
  } finally {
    client.disconnect();
  }
}

/** A request that is refused goes to no host: that is no answer to the question where it would go. */
function refusalIn(balancer: string, { code, failures, answered }: Explanation): MeercatError | undefined {
  if (code === '' || answered > 0) return undefined;
  const reasons = failures.map(({ reason }) => `, ${reason}`).join('');
  return new MeercatError('MEERCAT_REQUEST_REFUSED', `${balancer} refuses such a request: ${code}${reasons}`);
}

const shown = (text: string): string => JSON.stringify(text.slice(0, 80));

function wrong(message: string): MeercatError {
  return new MeercatError('MEERCAT_BAD_CONFIG', message);
}
