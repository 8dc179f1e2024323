// deploy/compose/compose.yaml as Compose reads it: anchors merged, variables filled in; and the rules that it keeps.

import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { parseDuration } from '../../lib/config/config.js';
import { withProcess } from './brackets.js';
import { parseVariables } from './container.js';
import { CONTEXT } from './dockerfile.js';
import { ended } from './meercat.js';

/** A service, with those of its keys that tests look at. */
export interface ComposeService {
  readonly image?: string;
  readonly restart?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly user?: string;
  readonly hostname?: string;
  readonly profiles?: readonly string[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly env_file?: string;
  readonly networks?: readonly string[];
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly configs?: readonly { readonly source: string; readonly target: string }[];
  readonly secrets?: readonly string[];
  readonly depends_on?: readonly string[] | Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test?: readonly string[]; readonly disable?: boolean };
  readonly stop_grace_period?: string;
  readonly mem_limit?: string;
  readonly ulimits?: { readonly nofile?: { readonly soft: number; readonly hard: number } };
}

/** The file. */
export interface ComposeFile {
  readonly name: string;
  readonly services: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, { readonly internal?: boolean } | null>>;
  readonly secrets: Readonly<Record<string, { readonly file: string }>>;
  readonly configs: Readonly<Record<string, { readonly file: string }>>;
  readonly volumes: Readonly<Record<string, unknown>>;
}

/** The folder of the file, which its paths start from. */
export const COMPOSE_DIR = join(CONTEXT, 'deploy/compose');

/** The file's text. */
export const COMPOSE_TEXT = readFileSync(join(COMPOSE_DIR, 'compose.yaml'), 'utf8');

/** Reads a Compose file; `${NAME:-default}` becomes what `variables` say, else the default. */
export function parseCompose(text: string, variables: Readonly<Record<string, string>> = {}): ComposeFile {
  const filled = text.replaceAll(/\$\{(\w+):-([^}]*)\}/g, (_, name: string, fallback: string) => variables[name] ?? fallback);
  return parse(filled, { merge: true }) as ComposeFile;
}

/** Copies deploy/ into a folder, without secrets that somebody has made in it. */
export function copyDeploy(dir: string): void {
  const isSecret = (path: string): boolean => /\/secrets(?:\/|$)/.test(path);
  cpSync(join(CONTEXT, 'deploy'), join(dir, 'deploy'), { recursive: true, filter: (path) => !isSecret(path) });
}

/** Copies deploy/ into a folder and makes secrets in it by the script, as its pages say. Gives the folder of `kind`. */
export async function withSecrets(dir: string, kind: 'compose' | 'kubernetes', secrets: string): Promise<string> {
  copyDeploy(dir);
  const folder = join(dir, 'deploy', kind);
  await withProcess({ command: 'sh', args: ['../make-secrets.sh', kind, secrets], cwd: folder }, async (child) => {
    const { code } = await ended(child);
    if (code !== 0) throw new Error(child.lines.join('\n'));
  });
  return folder;
}

/** The variables of a service: of its env_file, which its own go before. */
export function variablesOf(service: ComposeService, folder: string): Record<string, string> {
  const file = service.env_file === undefined ? {} : parseVariables(readFileSync(join(folder, service.env_file), 'utf8'));
  return { ...file, ...service.environment };
}

const dependenciesOf = ({ depends_on: on = [] }: ComposeService): string[] => (Array.isArray(on) ? [...(on as string[])] : Object.keys(on));

const HOUR_MS = 3_600_000;
const timeOf = (text = '0ms'): number => parseDuration('a time in compose.yaml', text, 0, HOUR_MS);

/** What in the file is against its own rules, a sentence each. */
export function composeFaults({ services, networks, secrets, configs, volumes }: ComposeFile): string[] {
  const faults: string[] = [];
  for (const [name, service] of Object.entries(services)) {
    const fault = (text: string) => faults.push(`${name}: ${text}`);
    if (service.read_only !== true) fault('its root file system can be written to');
    if (service.cap_drop?.join() !== 'ALL') fault('it keeps capabilities');
    if (!service.security_opt?.includes('no-new-privileges:true')) fault('it can gain privileges');
    if (service.mem_limit === undefined) fault('it has no limit of memory');
    if (service.stop_grace_period === undefined) fault('it does not say how long its stop may take');
    if (service.healthcheck?.disable === true && service.profiles === undefined) fault('its health is not checked');
    if (/^[^:]+$|:latest$/.test(service.image ?? '')) fault('its image has no version');
    if (service.user !== undefined && /^(?:root|0)\b/.test(service.user)) fault('it runs as root');
    for (const port of service.ports ?? []) if (!/^127\.0\.0\.1:\d+:\d+$/.test(port)) fault(`port ${port} is not on loopback`);
    for (const network of service.networks ?? []) if (!(network in networks)) fault(`there is no network ${network}`);
    for (const secret of service.secrets ?? []) if (!(secret in secrets)) fault(`there is no secret ${secret}`);
    for (const { source } of service.configs ?? []) if (!(source in configs)) fault(`there is no config ${source}`);
    for (const [source = ''] of (service.volumes ?? []).map((volume) => volume.split(':')))
      if (!(source in volumes)) fault(`there is no volume ${source}`);
    for (const other of dependenciesOf(service)) if (!(other in services)) fault(`there is no service ${other}`);

    const { MEERCAT_DRAIN_DELAY: delay, MEERCAT_DRAIN_TIMEOUT: timeout } = service.environment ?? {};
    if (timeOf(service.stop_grace_period) <= timeOf(delay) + timeOf(timeout)) fault('it is killed before it has drained');
    if (name === 'redis') {
      if (service.ports !== undefined) fault('it has a port on the machine');
      if (service.networks?.some((network) => networks[network]?.internal !== true)) fault('its network leads out');
      if (!service.command?.includes('--aclfile')) fault('it asks nobody for a password');
    }
    if (service.command?.[0] !== 'agent') continue;
    const urls = service.command.filter((arg) => arg.startsWith('http:')).map((arg) => new URL(arg));
    const [host] = urls.map(({ hostname }) => hostname);
    if (urls.some(({ hostname }) => hostname !== host) || services[host ?? ''] === undefined) fault('it reports what it does not ask');
    if (!dependenciesOf(service).includes(host ?? '')) fault('it is not stopped before its host');
    if (new Set(urls.map(({ port }) => port)).size !== urls.length) fault('clients can ask for the load');
  }
  return faults;
}
