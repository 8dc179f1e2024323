// Programs of Debian as real clients: run to their end, with all that they printed. One that is missing is a failure in CI.

import { execFile } from 'node:child_process';
import { findTool } from './tools.js';

/** How a program ended. */
export interface ToolRun {
  /** Its exit code; null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

const MAX_OUTPUT_BYTES = 64 << 20;

/** Far above what any run takes; a program that hangs is ended by it. */
const TIMEOUT_MS = 120_000;

/**
 * A function that runs this program with arguments and resolves to its end, whatever the exit code; null, with a line that
 * says so, when it is not installed (in CI that throws).
 */
export function toolRunner(name: string, debianPackage: string): ((...args: readonly string[]) => Promise<ToolRun>) | null {
  const path = findTool(name, debianPackage);
  if (path === null) return null;
  return (...args) =>
    new Promise((resolve) => {
      const child = execFile(path, args, { timeout: TIMEOUT_MS, maxBuffer: MAX_OUTPUT_BYTES }, (_error, stdout, stderr) =>
        resolve({ code: child.exitCode, stdout, stderr }),
      );
      child.stdin?.on('error', () => undefined).end();
    });
}
