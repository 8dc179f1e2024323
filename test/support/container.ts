// What a container of Meercat's image would start, as a process here: `node` is the Node.js that runs the tests, and
// the image's files are those that its Dockerfile copies. Nothing else of a command line is changed but what a test
// names: names of other containers, and ports.

import { join } from 'node:path';
import { CONTEXT, lastStep } from './dockerfile.js';
import { type Environment, meercatProcess } from './meercat.js';
import type { ProcessOptions } from './processes.js';

/** Texts that are replaced wherever they stand in arguments and variables: `host1:3000` by `127.0.0.1:20123`. */
export type Replacements = Readonly<Record<string, string>>;

/** A text with every replacement made, the longest first. */
export function replaceAll(text: string, replacements: Replacements): string {
  const names = Object.keys(replacements).toSorted((one, other) => other.length - one.length);
  if (names.length === 0) return text;
  const pattern = new RegExp(names.map((name) => name.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)).join('|'), 'g');
  return text.replaceAll(pattern, (found) => replacements[found] as string);
}

/** Where a file of the image stands here; other texts are left as they are. */
export function placeOf(path: string): string {
  const folder = lastStep('WORKDIR').args[0] as string;
  if (!path.startsWith(`${folder}/`)) return path;
  const rest = path.slice(folder.length + 1);
  if (rest.startsWith('dist/')) return join(CONTEXT, rest);
  const copied = lastStep('COPY').args.find((source) => source.split('/').at(-1) === rest);
  if (copied === undefined) throw new Error(`the image has no ${path}`);
  return join(CONTEXT, copied);
}

/** The process that a container's whole command line (entrypoint and arguments) is, with its variables. */
export function containerProcess(commandLine: readonly string[], env: Environment, replacements: Replacements = {}): ProcessOptions {
  const [command = '', ...args] = commandLine.map((arg) => replaceAll(placeOf(arg), replacements));
  const replaced = Object.entries(env).map(([name, value]) => [name, value && replaceAll(value, replacements)]);
  const { env: own } = meercatProcess([], Object.fromEntries(replaced) as Environment);
  return { command: command === 'node' ? process.execPath : command, args, ...(own && { env: own }) };
}

/** The command line of the image with these arguments, or those of its CMD. */
export function imageCommand(args?: readonly string[]): readonly string[] {
  return [...lastStep('ENTRYPOINT').args, ...(args ?? lastStep('CMD').args)];
}

/** The variables in a file of `NAME=value` lines, as env_file and kustomize's `envs` read it. */
export function parseVariables(text: string): Record<string, string> {
  const lines = text.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('#'));
  return Object.fromEntries(
    lines.map((line) => {
      const at = line.indexOf('=');
      if (at < 1) throw new Error(`no NAME=value: ${line}`);
      return [line.slice(0, at), line.slice(at + 1)];
    }),
  );
}
