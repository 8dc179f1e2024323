// Several processes behind one port: each is a balancer of its own, with a name and a console of its own. Here is
// the configuration of each, derived from the one for all. The parent decides the port, so that all agree on it.

import { totalmem } from 'node:os';
import { MeercatError } from '../errors.js';
import { isName } from '../redis/names.js';
import { type BalancerConfig, consolePortOf, machineName, parseInteger, parsePort } from './config.js';

/** More processes than this are a typing error. */
const MAX_PROCESSES = 256;

/** One process of a group, as its parent starts it. */
export interface Member {
  /** From 1 on. */
  readonly number: number;
  /** Where all of them listen; 0 only where no free port could be found. */
  readonly port: number;
  /** Others serve the port at this moment. */
  readonly isPortShared: boolean;
}

/** Reads `--processes`. */
export function parseProcesses(text: string): number {
  return parseInteger('--processes', text, 1, MAX_PROCESSES);
}

/** A member as an argument of its command line: `2,8080,shared`. */
export function formatMember({ number, port, isPortShared }: Member): string {
  return `${number},${port}${isPortShared ? ',shared' : ''}`;
}

/** Reads what {@link formatMember} wrote. */
export function parseMember(text: string): Member {
  const [number = '', port = '', shared, ...more] = text.split(',');
  if (more.length > 0 || (shared !== undefined && shared !== 'shared'))
    throw new MeercatError('MEERCAT_BAD_CONFIG', '--member: NUMBER,PORT or NUMBER,PORT,shared');
  return {
    number: parseInteger('--member', number, 1, MAX_PROCESSES),
    port: parsePort('--member', port),
    isPortShared: shared !== undefined,
  };
}

/** The name of the group: that of its processes is this, a dash and their number. */
export function groupName({ name }: BalancerConfig, port: number): string {
  return name === '' ? `${machineName()}-${port}` : name;
}

/** Checks what several processes need: names, and a port for each console. */
export function checkProcesses(config: BalancerConfig): void {
  const { processes, port, name } = config;
  const consolePort = consolePortOf(config);
  if (processes === 1) return;
  const last = consolePort + processes - 1;
  if (name !== '' && !isName(`${name}-${processes}`))
    throw new MeercatError('MEERCAT_BAD_CONFIG', `--name: too long for the name of a process, which is NAME-1 to NAME-${processes}`);
  if (consolePort === 0) return;
  const ports = `--console-port: ${processes} processes need the ports ${consolePort} to ${last}`;
  if (last > 65_535) throw new MeercatError('MEERCAT_BAD_CONFIG', `${ports}: choose a lower one, or 0 for any free ones`);
  if (port >= consolePort && port <= last) throw new MeercatError('MEERCAT_BAD_CONFIG', `${ports}, and --port ${port} is among them`);
}

/** The configuration of one process. Without `--memory-limit` each may have its share of what there is. */
export function memberConfig(config: BalancerConfig, { number, port, isPortShared }: Member): BalancerConfig {
  const { memoryLimit, processes } = config;
  const consolePort = consolePortOf(config);
  return {
    ...config,
    port,
    isPortShared,
    name: `${groupName(config, port)}-${number}`,
    consolePort: consolePort === 0 ? 0 : consolePort + number - 1,
    memoryLimit: memoryLimit === 0 ? Math.floor(availableMemory() / processes) : memoryLimit,
  };
}

/** What the container may have, or else the machine. */
function availableMemory(): number {
  const containerBytes = process.constrainedMemory();
  return containerBytes > 0 && containerBytes < totalmem() ? containerBytes : totalmem();
}
