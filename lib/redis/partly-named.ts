// Hosts that some balancers name with --host and others do not. All balancers send to them, which may surprise: the master
// stores who does and who does not, and the log and `meercat status` say it in the same words.

import { isName } from './names.js';

/** Names shown of each list. */
const NAMES_SHOWN = 3;

/** Names stored of each list. */
const NAMES_STORED = 100;

/** Who names a host, and who does not: names of balancers, in order. */
export interface PartlyNamed {
  readonly by: readonly string[];
  readonly notBy: readonly string[];
}

/** Names as the field of a host's hash. */
export function namesField(names: readonly string[]): string {
  return names.slice(0, NAMES_STORED).join(',');
}

/** Reads such a field; null if either has no names. */
export function readPartlyNamed(by: string | undefined, notBy: string | undefined): PartlyNamed | null {
  const [those, others] = [by, notBy].map((text = '') => text.split(',').filter(isName).slice(0, NAMES_STORED)) as [string[], string[]];
  return those.length === 0 || others.length === 0 ? null : { by: those, notBy: others };
}

/** One phrase for each group of balancers, with all hosts that they name and others do not. */
export function partlyNamedPhrases(hosts: Iterable<readonly [name: string, PartlyNamed]>): string[] {
  const groups = new Map<string, PartlyNamed & { readonly hosts: string[] }>();
  for (const [name, { by, notBy }] of hosts) {
    const key = `${by.join()} ${notBy.join()}`;
    const group = groups.get(key) ?? { by, notBy, hosts: [] };
    group.hosts.push(name);
    groups.set(key, group);
  }
  return [...groups.values()].map(
    ({ by, notBy, hosts: those }) =>
      `${listOf(by)} ${by.length === 1 ? 'names' : 'name'} ${listOf(those)}, which ${listOf(notBy)} ${notBy.length === 1 ? 'does' : 'do'} not: all balancers send to ${those.length === 1 ? 'it' : 'them'}`,
  );
}

/** A list for people, shortened. */
export function listOf(names: readonly string[]): string {
  return names.length > NAMES_SHOWN
    ? `${names.slice(0, NAMES_SHOWN).join(', ')} and ${names.length - NAMES_SHOWN} more`
    : names.join(' and ');
}
