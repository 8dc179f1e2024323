#!/usr/bin/env node
// The command line as a process: its arguments, its output, its exit code.

import cluster from 'node:cluster';
import { captureConsole } from '../lib/library-output.js';
import { endWithParent } from '../lib/shutdown.js';
import { runCommandLine } from './program.js';

// A process of a group stops in good order instead, once it serves; until then Node.js ends it.
if (cluster.isPrimary) endWithParent();
// Whoever reads the output may stop before its end, as head does.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});
// What a library prints by itself is not for whoever asked for a status; commands with a log put it there.
captureConsole(() => undefined);
const code = await runCommandLine(process.argv.slice(2), {
  write: (text) => void process.stdout.write(text),
  writeError: (text) => void process.stderr.write(text),
});
if (code !== null) {
  process.exitCode = code;
  // Not at once: what was started may still have to say something.
  setImmediate(() => process.exit());
}
