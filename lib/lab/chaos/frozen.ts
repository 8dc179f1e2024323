// Freezes a process (SIGSTOP) so that it goes on (SIGCONT) in any case: also when this process is killed meanwhile, since
// a frozen process can't notice that nobody is left to stop it.

import { spawn } from 'node:child_process';

/** Stops the process, and lets it go on when its stdin closes. */
const FREEZER = 'kill -STOP "$1" && echo frozen; read -r _; kill -CONT "$1"';

/** Freezes a process; resolves with what lets it go on, once it stands still. */
export async function freezeProcess(pid: number): Promise<() => Promise<void>> {
  const child = spawn('/bin/sh', ['-c', FREEZER, 'sh', String(pid)], { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  await Promise.race([new Promise((resolve) => child.stdout.once('data', resolve)), ended]);
  return async () => {
    child.stdin.end();
    await ended;
  };
}
