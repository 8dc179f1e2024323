// The systemd files of deploy/, read as systemd reads them: sections and keys, %i and ${VARIABLE} in command lines,
// environment files. What a test starts is the very line that stands in the unit.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ProcessOptions } from './brackets.js';
import { ENTRY, meercatProcess } from './meercat.js';

/** The folder of the units. */
export const SYSTEMD_FOLDER = fileURLToPath(new URL('../../../deploy/systemd/', import.meta.url));

/** Where the unit expects the command. */
export const INSTALLED = '/usr/local/bin/meercat';

/** A unit: by section, its assignments in order. */
export interface UnitFile {
  readonly sections: ReadonlyMap<string, readonly (readonly [key: string, value: string])[]>;
  /** All values of a key. */
  all(section: string, key: string): readonly string[];
  /** The one value of a key; throws when it is not set exactly once. */
  one(section: string, key: string): string;
}

/** Reads a unit. Throws on a line that is no comment, section or assignment, and on an assignment outside a section. */
export function parseUnit(text: string): UnitFile {
  const sections = new Map<string, (readonly [string, string])[]>();
  let current: (readonly [string, string])[] | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*([#;].*)?$/.test(line)) continue;
    const [, section] = /^\[(\w+)\]$/.exec(line) ?? [];
    const [, key, value] = /^([A-Z]\w*)=(.*)$/.exec(line) ?? [];
    if (section !== undefined) {
      if (sections.has(section)) throw new Error(`line ${index + 1}: a second [${section}]`);
      sections.set(section, (current = []));
    } else if (key !== undefined && current !== undefined) current.push([key, (value as string).trim()]);
    else throw new Error(`line ${index + 1}: ${JSON.stringify(line)}`);
  }
  const all = (section: string, key: string): string[] =>
    (sections.get(section) ?? []).filter(([name]) => name === key).map(([, value]) => value);
  return {
    sections,
    all,
    one(section, key) {
      const [value, ...more] = all(section, key);
      if (value === undefined || more.length > 0)
        throw new Error(`${key}= stands ${more.length + Number(value !== undefined)} times in [${section}]`);
      return value;
    },
  };
}

/** Reads an environment file; ours have no quotes. Throws on any other line than a comment or an assignment, and on a name given twice. */
export function parseEnvironment(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [index, line] of text.split('\n').entries()) {
    if (/^\s*([#;].*)?$/.test(line)) continue;
    const [, name, value] = /^([A-Z][A-Z0-9_]*)=([^"'\\]*)$/.exec(line) ?? [];
    if (name === undefined || name in found) throw new Error(`line ${index + 1}: ${JSON.stringify(line)}`);
    found[name] = (value as string).trim();
  }
  return found;
}

/** A file of deploy/systemd. */
export function readSystemdFile(name: string): string {
  return readFileSync(`${SYSTEMD_FOLDER}${name}`, 'utf8');
}

/** A time as systemd writes it, of one number and one unit, in milliseconds. */
export function parseSystemdTime(text: string): number {
  const [, number, unit] = /^(\d+)(ms|s|min)$/.exec(text) ?? [];
  if (number === undefined) throw new Error(`not a time of one number and one unit: ${text}`);
  return Number(number) * { ms: 1, s: 1000, min: 60_000 }[unit as 'ms' | 's' | 'min'];
}

/**
 * What systemd would start for an instance of a unit of deploy/systemd, with the build under test in place of what is
 * installed.
 * @param changes variables with values of the test's own; each must be one of those in the environment file
 * @param more variables that systemd adds
 */
export function serviceProcess(
  name: string,
  instance: string,
  changes: Readonly<Record<string, string>>,
  more: Readonly<Record<string, string>> = {},
): ProcessOptions {
  const unit = parseUnit(readSystemdFile(name));
  const files = unit.all('Service', 'EnvironmentFile').filter((file) => !file.startsWith('-'));
  const env = Object.assign({}, ...files.map((file) => parseEnvironment(readSystemdFile(basename(file))))) as Record<string, string>;
  for (const [variable, value] of Object.entries(changes)) {
    if (!(variable in env)) throw new Error(`${variable} stands in no environment file of ${name}`);
    env[variable] = value;
  }
  const words = unit
    .one('Service', 'ExecStart')
    .split(' ')
    .map((word) => word.replaceAll('%i', instance).replaceAll(/\$\{(\w+)\}/g, (_, variable: string) => env[variable] ?? ''));
  if (words[0] !== INSTALLED) throw new Error(`ExecStart of ${name} runs ${words[0]}`);
  const started = meercatProcess(words.slice(1), { ...env, ...more });
  if (started.args?.[0] !== ENTRY) throw new Error('not the build under test');
  return started;
}
