/** Greeter: a name in, a greeting out. */
import { useSignal } from "@preact/signals";
import type { Page } from "../page.ts";
import { CallForm } from "./call_form.tsx";

/** Calls `Greeter.SayHello`. */
export function GreeterCard({ page }: { page: Page }) {
  const name = useSignal("World");
  async function greet() {
    const { message } = await page.connection.greeter.sayHello({ name: name.value });
    return <span class="greeting">{message}</span>;
  }
  return (
    <CallForm
      id="greeter"
      title="Say hello"
      method="Greeter.SayHello"
      submit="Greet"
      failure="Cannot greet"
      hint="The greeting appears here."
      call={greet}
    >
      <label class="field">
        <span>Name</span>
        <input
          type="text"
          autocomplete="off"
          value={name.value}
          onInput={(event) => {
            name.value = event.currentTarget.value;
          }}
        />
      </label>
    </CallForm>
  );
}
