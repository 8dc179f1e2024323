// The keys of the agents that `meercat up` starts, each in a file that only this user can read. Agents get no more than
// their own, as on machines of their own.

import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { agentKeysOf } from '../redis/fleet-key.js';
import { createRunFolder } from '../run-folder.js';

/** The files of one fleet. */
export interface AgentKeyFiles {
  fileOf(host: string): string;
  /** Writes all of them anew, from another text of the fleet's key file. */
  replace(fleetKey: string): Promise<void>;
  remove(): void;
}

/** Writes a file for each of these hosts. Throws MEERCAT_BAD_CONFIG. */
export async function writeAgentKeyFiles(hosts: readonly string[], fleetKey: string): Promise<AgentKeyFiles> {
  const folder = createRunFolder('agent-keys');
  const fileOf = (host: string): string => join(folder.path, host);
  const replace = async (text: string): Promise<void> => {
    for (const host of hosts) {
      // Renamed into place: an agent never reads half of it.
      const half = `${fileOf(host)}.new`;
      // oxlint-disable-next-line no-await-in-loop -- a few small files
      await writeFile(half, `${agentKeysOf('--fleet-key', text, host).join('\n')}\n`, { mode: 0o600 });
      // oxlint-disable-next-line no-await-in-loop -- the same
      await rename(half, fileOf(host));
    }
  };
  await replace(fleetKey);
  return { fileOf, replace, remove: () => folder.remove() };
}
