// Several named steps on one expensive stage, such as a fleet with its Redis: they run in order, each begins with what the
// one before left, and an error says in which step it arose.

/** What one step proves, as a sentence, and how. */
export type Step<Stage> = readonly [name: string, run: (stage: Stage) => void | Promise<void>];

/** Runs the steps in order. The first one that fails ends it; its error's message then starts with the step's name. */
export async function inSteps<Stage>(stage: Stage, steps: readonly Step<Stage>[]): Promise<void> {
  for (const [name, run] of steps) {
    try {
      await run(stage);
    } catch (thrown) {
      const error = thrown instanceof Error ? thrown : new Error(String(thrown));
      error.message = `${name}: ${error.message}`;
      throw error;
    }
  }
}
