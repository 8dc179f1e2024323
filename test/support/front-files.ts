// The files of deploy/front, and the programs that run or check them. What a test starts is the file as it stands, with
// nothing changed but what each replacement names; a replacement that fits nowhere fails the test.

import { cpSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withProcess } from './brackets.js';

/** The folder. */
export const FRONT_FOLDER = fileURLToPath(new URL('../../../deploy/front/', import.meta.url));

/** The text of a file of the folder, with each text of the list replaced everywhere. */
export function frontFile(name: string, replacements: readonly (readonly [from: string, to: string])[] = []): string {
  let text = readFileSync(join(FRONT_FOLDER, name), 'utf8');
  for (const [from, to] of replacements) {
    if (!text.includes(from)) throw new Error(`${name} has no ${JSON.stringify(from)}`);
    text = text.replaceAll(from, to);
  }
  return text;
}

/** Copies a file or folder of deploy/front. */
export function copyFront(name: string, to: string): void {
  cpSync(join(FRONT_FOLDER, name), to, { recursive: true });
}

/** How a tool ended. */
export interface ToolRun {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly output: string;
}

/** Runs a tool to its end. */
export function runTool(command: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<ToolRun> {
  return withProcess({ command, args, env }, async (child) => ({ ...(await child.exit), output: child.lines.join('\n') }));
}
