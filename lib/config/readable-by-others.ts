// Whether a file with a secret is open to every user of the machine, as ssh looks at its keys. It is asked only of files
// whose owner is this user: somebody else's, as Kubernetes and Docker mount their secrets, cannot be changed from here, and
// in a container there are no others.

import { accessSync, constants, statSync } from 'node:fs';

/**
 * The mode of the file, such as `0644`, if it belongs to this user, who could change it, and every user of the machine may
 * read it; '' otherwise, also when it can't be looked at, and where there are no users of that kind.
 */
export function modeOpenToOthers(file: string): string {
  try {
    const { mode, uid } = statSync(file);
    const isOurs = uid === process.geteuid?.();
    return isOurs && (mode & constants.S_IROTH) !== 0 && !isOnReadOnlyMount(file) ? `0${(mode & 0o777).toString(8).padStart(3, '0')}` : '';
  } catch {
    return '';
  }
}

/** A secret that is mounted into a container of root belongs to this user too; its mount can't be written to. */
function isOnReadOnlyMount(file: string): boolean {
  try {
    accessSync(file, constants.W_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS';
  }
}
