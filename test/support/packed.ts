// The package as `npm pack` makes it, installed into a folder of its own without a registry: Meercat's files are real
// ones from the tarball, its dependencies links to those of this repository. Nothing else can be imported there.

import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './documents.js';
import { withTempDir } from './places.js';

const run = promisify(execFile);

/** npm with the Node.js of this test, wherever another one is on the PATH, and as talkative as usual: `npm test --silent` hands its flag on. */
export const NPM_ENV: NodeJS.ProcessEnv = {
  ...process.env,
  npm_config_loglevel: 'notice',
  PATH: `${dirname(process.execPath)}${delimiter}${process.env['PATH'] ?? ''}`,
  npm_config_audit: 'false',
  npm_config_fund: 'false',
  npm_config_update_notifier: 'false',
};

/** A folder with the package installed. */
export interface PackedMeercat {
  /** Where a program can stand that imports `meercat`; an ESM package of its own. */
  readonly dir: string;
  /** The installed package: `dir/node_modules/meercat`. */
  readonly home: string;
}

/** The package.json of the repository. */
export interface Manifest {
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly homepage: string;
  readonly repository: { readonly url: string };
  readonly bugs: { readonly url: string };
}

/** Reads it. */
export async function readManifest(): Promise<Manifest> {
  return JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as Manifest;
}

interface Packed {
  readonly tarball: Buffer;
  readonly files: readonly string[];
}

let packed: Promise<Packed> | undefined;

/** Packs it, once in a process, since npm takes its time. */
function pack(): Promise<Packed> {
  packed ??= withTempDir(async (dir) => {
    const { stdout } = await run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir], { cwd: ROOT, env: NPM_ENV });
    const [{ filename, files }] = JSON.parse(stdout) as [
      { readonly filename: string; readonly files: readonly { readonly path: string }[] },
    ];
    return { tarball: await readFile(join(dir, filename)), files: files.map(({ path }) => path) };
  });
  return packed;
}

/** The paths of all files that the package has. */
export async function packedFiles(): Promise<readonly string[]> {
  return (await pack()).files;
}

/** Packs the build, installs it into a fresh folder, hands that out, and removes it. Optional dependencies are left out. */
export function withPacked<T>(fn: (packed: PackedMeercat) => T | Promise<T>): Promise<T> {
  return withTempDir(async (dir) => {
    await writeFile(join(dir, 'meercat.tgz'), (await pack()).tarball);
    const modules = join(dir, 'node_modules');
    const home = join(modules, 'meercat');
    await mkdir(home, { recursive: true });
    await run('tar', ['-xzf', join(dir, 'meercat.tgz'), '--strip-components=1', '-C', home]);
    const { dependencies } = await readManifest();
    for (const name of Object.keys(dependencies)) await symlink(join(ROOT, 'node_modules', name), join(modules, name));
    await writeFile(join(dir, 'package.json'), JSON.stringify({ name: 'consumer', private: true, type: 'module' }));
    return await fn({ dir, home });
  });
}
