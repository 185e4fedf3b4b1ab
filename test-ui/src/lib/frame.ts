// Many changes, one drawing.

/** Milliseconds between two drawings: twenty a second are more than anybody can follow, and leave time for the rest. */
const PACE = 50;

/** Longest wait, in milliseconds, where the browser draws no frames: a tab in the background. */
const HIDDEN_TAB = 250;

/** A function that has `act` run once, with the next frame that is due, however often it is called until then. */
export function perFrame(act: () => void): () => void {
  let due = false;
  let ranAt = -Infinity;
  const run = (): void => {
    if (!due) return;
    due = false;
    ranAt = performance.now();
    act();
  };
  const draw = (): void => {
    const timer = setTimeout(run, HIDDEN_TAB);
    requestAnimationFrame(() => {
      clearTimeout(timer);
      run();
    });
  };
  return () => {
    if (due) return;
    due = true;
    const wait = ranAt + PACE - performance.now();
    if (wait > 0) setTimeout(draw, wait);
    else draw();
  };
}
