/** Starts the page. */
import { render } from "preact";
import { Page } from "./page.ts";
import { App } from "./views/app.tsx";

// A file that misses the drop zone is not to replace the page.
for (const type of ["dragover", "drop"]) {
  addEventListener(type, (event) => event.preventDefault());
}

render(<App page={new Page()} />, document.getElementById("page")!);
