/** A card that makes one unary call: its input, its answer or why there is none. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { describeProblem, type Problem } from "../problem.ts";
import { ProblemNote } from "./problem_note.tsx";

/** What a {@linkcode CallForm} shows and does. */
export interface CallFormProps {
  /** Unique on the page. */
  readonly id: string;
  readonly title: string;
  /** The method in the words of the proto: `Greeter.SayHello`. */
  readonly method: string;
  readonly submit: string;
  /** What failed when it fails: `Cannot greet`. */
  readonly failure: string;
  /** Makes the call, and gives what to show of the answer. */
  readonly call: () => Promise<ComponentChildren>;
  /** Shown in place of an answer. */
  readonly hint: string;
  /** The fields. */
  readonly children: ComponentChildren;
}

/** A form whose answer stays until the next one. Of several calls at a time only the last is shown. */
export function CallForm({ id, title, method, submit, failure, call, hint, children }: CallFormProps) {
  const answer = useSignal<ComponentChildren>(undefined);
  const problem = useSignal<Problem>();
  const latest = useSignal<Promise<ComponentChildren>>();

  async function makeCall(event: Event): Promise<void> {
    event.preventDefault();
    const made = call();
    latest.value = made;
    try {
      const shown = await made;
      if (latest.peek() === made) {
        answer.value = shown;
        problem.value = undefined;
      }
    } catch (error) {
      if (latest.peek() === made) {
        answer.value = undefined;
        problem.value = describeProblem(failure, error);
      }
    }
  }

  return (
    <section class="card" aria-labelledby={id}>
      <header>
        <h2 id={id}>{title}</h2>
        <code class="method">{method}</code>
      </header>
      <form onSubmit={makeCall}>
        {children}
        <button type="submit" class="primary">{submit}</button>
      </form>
      <output class={answer.value === undefined ? "answer empty" : "answer"}>
        {answer.value ?? (problem.value === undefined ? hint : "")}
      </output>
      {problem.value !== undefined && <ProblemNote problem={problem.value} />}
    </section>
  );
}
