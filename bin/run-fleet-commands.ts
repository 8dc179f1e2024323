// The commands that look at a running fleet or change something in it, once their flags are read: each checks what it
// was given, does its one thing through Redis, and ends.

import { checkFleet } from '../lib/config/config.js';
import { SORT_KEYS, type SortKey } from '../lib/console/fleet-order.js';
import type { OperatorAction } from '../lib/console/operator.js';
import { MeercatError } from '../lib/errors.js';
import { fileReason } from '../lib/file-reason.js';
import { ALGORITHMS, type Maintenance, OWN_ALGORITHM } from '../lib/model.js';
import { readRegularFile } from '../lib/read-file.js';
import { encodeMaintenance, isMediaType, MAX_MAINTENANCE_BYTES } from '../lib/redis/maintenance.js';
import { isHostId, isPoolName, NAME_RULE, POOL_RULE } from '../lib/redis/names.js';

interface StatusFlags {
  readonly fleetKey?: string;
  readonly redis: string;
  readonly namespace: string;
  readonly watch: boolean;
  readonly json: boolean;
  readonly costs: boolean;
  readonly sort?: SortKey;
  readonly color?: boolean;
}

/** Reads --sort. Throws MEERCAT_BAD_CONFIG. */
export function parseSortKey(text: string): SortKey {
  const key = SORT_KEYS.find((each) => each === text);
  if (key === undefined) throw bad(`--sort: one of ${SORT_KEYS.join(', ')}, not ${JSON.stringify(text.slice(0, 80))}`);
  return key;
}

/** `meercat status`. */
export async function runStatus(flags: StatusFlags): Promise<void> {
  checkFleet([flags.redis], flags.namespace);
  const { printStatus } = await import('../lib/console/status.js');
  const abort = new AbortController();
  process.on('SIGINT', () => abort.abort());
  process.on('SIGTERM', () => abort.abort());
  await printStatus(
    {
      redis: flags.redis,
      namespace: flags.namespace,
      fleetKeyFile: flags.fleetKey,
      isWatching: flags.watch,
      isJson: flags.json,
      isCosts: flags.costs,
      sort: flags.sort,
      colour: flags.color,
    },
    process.stdout,
    abort.signal,
    // Opening it has effects of its own, so only where keys are read.
    flags.watch && process.stdout.isTTY ? process.stdin : undefined,
  );
}

/** `meercat restart`. */
export async function runRestart(flags: Omit<StatusFlags, 'watch' | 'costs' | 'sort' | 'color'>): Promise<void> {
  checkFleet([flags.redis], flags.namespace);
  const { restartFleet } = await import('../lib/console/restart.js');
  await restartFleet({ redis: flags.redis, namespace: flags.namespace, fleetKeyFile: flags.fleetKey, isJson: flags.json }, process.stdout);
}

interface OperatorFlags {
  readonly fleetKey?: string;
  readonly redis: string;
  readonly namespace: string;
  readonly json: boolean;
}

/** `meercat drain`, `undrain` and `eject`. */
export async function runOperator(action: OperatorAction, host: string, flags: OperatorFlags): Promise<void> {
  checkFleet([flags.redis], flags.namespace);
  const shown = JSON.stringify(host.slice(0, 80));
  if (!isHostId(host)) throw new MeercatError('MEERCAT_BAD_CONFIG', `${shown} can't be the name of a host: ${NAME_RULE}`);
  const { operate } = await import('../lib/console/operator.js');
  await operate(
    { action, host, redis: flags.redis, namespace: flags.namespace, fleetKeyFile: flags.fleetKey, isJson: flags.json },
    process.stdout,
  );
}

/** `meercat algorithm`. */
export async function runAlgorithm(name: string, flags: OperatorFlags): Promise<void> {
  checkFleet([flags.redis], flags.namespace);
  const algorithm = name === OWN_ALGORITHM ? null : ALGORITHMS.find((each) => each === name);
  if (algorithm === undefined)
    throw new MeercatError(
      'MEERCAT_BAD_CONFIG',
      `${JSON.stringify(name.slice(0, 80))} is no algorithm: ${ALGORITHMS.join(', ')}, or ${OWN_ALGORITHM} for that of each balancer`,
    );
  const { setAlgorithm } = await import('../lib/console/operator.js');
  await setAlgorithm(
    { algorithm, redis: flags.redis, namespace: flags.namespace, fleetKeyFile: flags.fleetKey, isJson: flags.json },
    process.stdout,
  );
}

interface MaintenanceFlags extends OperatorFlags {
  readonly status?: number;
  readonly body?: string;
  readonly bodyFile?: string;
  readonly type?: string;
  readonly force: boolean;
}

/** `meercat maintenance`. */
export async function runMaintenance(pool: string, word: string, flags: MaintenanceFlags): Promise<void> {
  checkFleet([flags.redis], flags.namespace);
  const shown = JSON.stringify(pool.slice(0, 80));
  if (!isPoolName(pool)) throw bad(`${shown} can't be the name of a pool: ${POOL_RULE}`);
  const maintenance = readMaintenanceFlags(word, flags);
  const { maintainPool } = await import('../lib/console/maintenance.js');
  await maintainPool(
    {
      pool,
      maintenance,
      isForced: flags.force,
      redis: flags.redis,
      namespace: flags.namespace,
      fleetKeyFile: flags.fleetKey,
      isJson: flags.json,
    },
    process.stdout,
  );
}

/** What the pool is to answer; null: its hosts do. */
function readMaintenanceFlags(word: string, { status, body, bodyFile, type }: MaintenanceFlags): Maintenance | null {
  const isBare = status === undefined && body === undefined && bodyFile === undefined && type === undefined;
  if (word === 'off' && !isBare) throw bad('--status, --body, --body-file and --type go with on');
  if (word === 'off') return null;
  if (word !== 'on') throw bad(`${JSON.stringify(word.slice(0, 80))} is neither on nor off: meercat maintenance POOL on`);
  if (body !== undefined && bodyFile !== undefined) throw bad('--body and --body-file: give one of them');
  const text = bodyFile === undefined ? (body ?? null) : readBody(bodyFile);
  if (text === null && type !== undefined) throw bad('--type is that of a body: give --body or --body-file');
  const maintenance = { status: status ?? 503, body: text, type: type ?? 'text/plain; charset=utf-8' };
  if (!isMediaType(maintenance.type)) throw bad('--type: a media type such as text/html; charset=utf-8');
  const bytes = Buffer.byteLength(encodeMaintenance(maintenance));
  if (bytes > MAX_MAINTENANCE_BYTES)
    throw bad(
      `the body is too long: with status and type it takes ${bytes} bytes of JSON, ${MAX_MAINTENANCE_BYTES} are possible; a site's \`respond\` may be longer`,
    );
  return maintenance;
}

function readBody(file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readRegularFile(file, MAX_MAINTENANCE_BYTES));
  } catch (error) {
    throw bad(`--body-file ${file}: ${error instanceof TypeError ? 'it is not UTF-8' : fileReason(error, 'read')}`);
  }
}

function bad(message: string): MeercatError {
  return new MeercatError('MEERCAT_BAD_CONFIG', message);
}

interface WhyFlags extends OperatorFlags {
  readonly balancer?: string;
  readonly header?: readonly string[];
  readonly client?: string;
}

/** `meercat why`. */
export async function runWhy(what: string, path: string | undefined, flags: WhyFlags): Promise<void> {
  checkFleet([flags.redis], flags.namespace);
  const { askWhy, readQuestion } = await import('../lib/console/why.js');
  const question = readQuestion(what, path, flags.balancer, { headers: flags.header ?? [], client: flags.client });
  if ('method' in question && path !== undefined && question.method !== what)
    process.stderr.write(`meercat: ${what} is taken as ${question.method}: methods of HTTP are case-sensitive\n`);
  await askWhy(
    {
      question,
      balancer: flags.balancer,
      redis: flags.redis,
      namespace: flags.namespace,
      fleetKeyFile: flags.fleetKey,
      isJson: flags.json,
    },
    process.stdout,
  );
}
