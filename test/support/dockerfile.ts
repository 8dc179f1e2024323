// A Dockerfile and what it makes, without Docker: its instructions, what the image starts with, and its files, put
// together in a folder. COPY and .dockerignore are followed to the letter and npm's scripts really run; packages come
// from those that are installed here, and only those that package-lock.json says `npm ci` would install.

import { cpSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { DockerfileParser, type Instruction, type JSONInstruction } from 'dockerfile-ast';
import { withProcess } from './brackets.js';
import { ended } from './meercat.js';

/** The top folder: the context of the build. */
export const CONTEXT = fileURLToPath(new URL('../../../', import.meta.url));

/** Where the image's Dockerfile stands, below the context. */
export const DOCKERFILE = 'deploy/compose/Dockerfile';

/** One instruction: `COPY`, its flags (`from`), its arguments. */
export interface Step {
  readonly keyword: string;
  readonly flags: Readonly<Record<string, string>>;
  readonly args: readonly string[];
  /** The arguments are a JSON array, and no shell reads them. */
  readonly isExec: boolean;
}

/** One stage of the build. */
export interface Stage {
  readonly name: string;
  readonly image: string;
  readonly steps: readonly Step[];
}

function stepOf(instruction: Instruction): Step {
  const json = instruction as JSONInstruction;
  const isExec = typeof json.getJSONStrings === 'function' && json.getOpeningBracket() !== null;
  const args = isExec
    ? json.getJSONStrings().map((each) => each.getJSONValue())
    : instruction.getArguments().map((each) => each.getValue());
  const flags = typeof json.getFlags === 'function' ? json.getFlags() : [];
  return {
    keyword: instruction.getKeyword(),
    flags: Object.fromEntries(flags.map((flag) => [flag.getName(), flag.getValue() ?? ''])),
    args,
    isExec,
  };
}

/** The stages of a Dockerfile, in order; the last one is the image. */
export function stagesOf(text: string): Stage[] {
  const stages: { name: string; image: string; steps: Step[] }[] = [];
  for (const instruction of DockerfileParser.parse(text).getInstructions()) {
    const step = stepOf(instruction);
    if (step.keyword === 'FROM') {
      const [image = '', , name = 'image'] = step.args;
      stages.push({ name, image, steps: [] });
    } else stages.at(-1)?.steps.push(step);
  }
  return stages;
}

/** The repository's Dockerfile. */
export function readStages(): Stage[] {
  return stagesOf(readFileSync(join(CONTEXT, DOCKERFILE), 'utf8'));
}

/** The last instruction of a kind in the image's own stage. */
export function lastStep(keyword: string, stages: readonly Stage[] = readStages()): Step {
  const step = stages.at(-1)?.steps.findLast((each) => each.keyword === keyword);
  if (step === undefined) throw new Error(`the image has no ${keyword}`);
  return step;
}

/** The command of the image's HEALTHCHECK. */
export function healthCommand(): readonly string[] {
  const { args } = lastStep('HEALTHCHECK');
  return JSON.parse(args.slice(args.indexOf('CMD') + 1).join(' ')) as string[];
}

/** Whether a .dockerignore leaves a path out. Of its patterns only `*`, plain paths and `!` are understood. */
export function isIgnored(path: string, text: string): boolean {
  const rules = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  let isOut = false;
  for (const rule of rules) {
    const pattern = rule.replace('!', '');
    if (pattern !== '*' && /[*?[]/.test(pattern)) throw new Error(`.dockerignore: a pattern that the test does not know: ${rule}`);
    if (pattern === '*' || path === pattern || path.startsWith(`${pattern}/`)) isOut = !rule.startsWith('!');
  }
  return isOut;
}

interface Locked {
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly devOptional?: boolean;
}

/** What `npm ci` would put into node_modules, taken from what is installed here. */
function installPackages(folder: string, args: readonly string[]): void {
  const omit = args.filter((arg) => arg.startsWith('--omit=')).map((arg) => arg.slice('--omit='.length));
  if (omit.length === 0) return symlinkSync(join(CONTEXT, 'node_modules'), join(folder, 'node_modules'));
  const { packages } = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')) as { packages: Record<string, Locked> };
  for (const [path, { dev, optional, devOptional }] of Object.entries(packages)) {
    const isOmitted =
      path === '' ||
      (omit.includes('dev') && (dev === true || (devOptional === true && omit.includes('optional')))) ||
      (omit.includes('optional') && optional === true);
    // An optional one may be for another system.
    if (isOmitted || (optional === true && !existsSync(join(CONTEXT, path)))) continue;
    const nested = join(CONTEXT, path, 'node_modules');
    cpSync(join(CONTEXT, path), join(folder, path), { recursive: true, filter: (source) => source !== nested });
  }
}

async function runShell(step: Step, folder: string): Promise<void> {
  const [command, verb, ...args] = step.args;
  const line = step.args.join(' ');
  if (command === 'npm' && verb === 'ci') return installPackages(folder, args);
  if (command !== 'npm' || verb !== 'run') throw new Error(`RUN ${line}: the test does not know how to run that`);
  // What is compiled here was compiled, types and all, with this test: checking them again would take most of its time.
  await withProcess({ command: 'npm', args: [...step.args.slice(1), '--', '--noCheck'], cwd: folder }, async (child) => {
    const { code } = await ended(child, 120_000);
    if (code !== 0) throw new Error(`RUN ${line} ended with ${code}:\n${child.lines.join('\n')}`);
  });
}

/** Copies what a COPY names; a file that .dockerignore leaves out is not there for it. */
function copyFiles(step: Step, from: string, folder: string, isOut: (path: string) => boolean): void {
  const sources = step.args.slice(0, -1);
  const target = step.args.at(-1) as string;
  const isFolder = target.endsWith('/') || target === '.';
  for (const source of sources) {
    const path = join(from, source);
    if (isOut(source) || !existsSync(path)) throw new Error(`COPY ${source}: not in the build's context`);
    const into = join(folder, target);
    const place = isFolder && !statSync(path).isDirectory() ? join(into, basename(source)) : into;
    cpSync(path, place, { recursive: true, verbatimSymlinks: true, filter: (each) => !isOut(each.slice(from.length).replace(/^\//, '')) });
  }
}

/** Builds the image's files below `root`, each stage in a folder of its name; gives the last one's. */
export async function buildImage(root: string, ignore = readFileSync(join(CONTEXT, '.dockerignore'), 'utf8')): Promise<string> {
  const stages = readStages();
  let top = '';
  for (const { name, steps } of stages) {
    top = join(root, name);
    let folder = top;
    for (const step of steps) {
      if (step.keyword === 'WORKDIR') {
        folder = join(top, step.args[0] as string);
        mkdirSync(folder, { recursive: true });
      } else if (step.keyword === 'COPY') {
        const { from } = step.flags;
        if (from === undefined) copyFiles(step, CONTEXT, folder, (path) => isIgnored(path, ignore));
        else copyFiles(step, join(root, from), folder, () => false);
      } else if (step.keyword === 'RUN') await runShell(step, folder);
    }
  }
  return top;
}
