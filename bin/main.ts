// The command line as a process: its arguments, its output, its exit code.

import cluster from 'node:cluster';
import { fileReason } from '../lib/file-reason.js';
import { captureConsole } from '../lib/library-output.js';
import { endWithParent } from '../lib/shutdown.js';
import { runCommandLine } from './program.js';

// A process of a group stops in good order instead, once it serves; until then Node.js ends it.
if (cluster.isPrimary) endWithParent();
// Whoever reads the output may stop before its end, as head does: then a command that prints is done. `up` does otherwise.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0);
  process.stderr.write(`meercat: the output can't be written: ${fileReason(error, 'written')}\n`);
  process.exit(1);
});
// Without a stderr the command still does its work.
process.stderr.on('error', () => undefined);
// What a library prints by itself must not mix with the output; commands with a log put it there.
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
