// Combines frequent changes into few redraws.

/** Minimum interval between two redraws. 20 per second are enough for a reader, and leave time for other work. */
const MIN_INTERVAL_MS = 50;

/** Maximum delay of a redraw in a background tab, where the browser draws no frames. */
const BACKGROUND_DELAY_MS = 250;

/** Returns a function that schedules one call of `redraw` with the next due frame. Calls until then are combined. */
export function throttleToFrames(redraw: () => void): () => void {
  let scheduled = false;
  let lastRunAt = -Infinity;
  const run = (): void => {
    if (!scheduled) return;
    scheduled = false;
    lastRunAt = performance.now();
    redraw();
  };
  const requestFrame = (): void => {
    const timer = setTimeout(run, BACKGROUND_DELAY_MS);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      run();
    });
  };
  return () => {
    if (scheduled) return;
    scheduled = true;
    const delay = lastRunAt + MIN_INTERVAL_MS - performance.now();
    if (delay > 0) setTimeout(requestFrame, delay);
    else requestFrame();
  };
}
