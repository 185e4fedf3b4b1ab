// The waits of this suite report a wrong answer instead of repeating the question until the answer is right.
import assert from "node:assert/strict";
import { test } from "node:test";
import { emitUntilAnswered, eventually, isConnectionLost } from "./lib/wait.mjs";

test("eventually: a failed assertion is final, so a 500 followed by a 201 fails", async () => {
  for (const isTransient of [undefined, () => true]) {
    const answers = [500, 201];
    const probe = async () => {
      const status = answers.shift();
      assert.equal(status, 201);
      return status;
    };
    await assert.rejects(eventually(probe, "a 201", 1000, isTransient), /500 !== 201/);
    assert.deepEqual(answers, [201], "the probe ran once");
  }
});

test("eventually: other errors are final too, unless the caller declares them transient", async () => {
  const results = [() => fetch("http://127.0.0.1:2"), async () => false, async () => "done"];
  const probe = () => results.shift()();
  await assert.rejects(eventually(probe, "a result", 1000), /fetch failed/);
  assert.equal(results.length, 2);
  results.unshift(() => fetch("http://127.0.0.1:2"));
  assert.equal(await eventually(probe, "a result", 1000, isConnectionLost), "done");
});

/** Emits a message whose first `lost` copies are lost. Returns the record and the number of emits. */
async function emitWithLoss(lost, upgradeAfter) {
  const record = { received: [], repeats: 0 };
  let emits = 0;
  let arrived;
  const answered = new Promise((resolve, reject) => {
    arrived = resolve;
    setTimeout(() => reject(new Error("no response")), 500);
  });
  if (upgradeAfter !== undefined)
    setTimeout(() => {
      record.upgradedAt = performance.now();
    }, upgradeAfter);
  const emit = () => {
    if (++emits > lost) arrived();
  };
  const outcome = await emitUntilAnswered(record, emit, answered, 50).then(
    () => "answered",
    (error) => error.message,
  );
  return [outcome, emits, record.repeats];
}

test("a lost message is repeated and counted only if the transport was upgraded around it", async () => {
  assert.deepEqual(await emitWithLoss(0), ["answered", 1, 0]);
  assert.deepEqual(await emitWithLoss(1, 10), ["answered", 2, 1]);
  assert.deepEqual(await emitWithLoss(1), ["no response", 1, 0]);
});
