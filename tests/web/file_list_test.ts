import assert from "node:assert/strict";
import { FileList, PAGE_SIZE } from "../../web/file_list.ts";
import { FileServer, reliable, unavailable } from "./file_server.ts";

async function makeList(fileCount: number): Promise<{ server: FileServer; list: FileList }> {
  const server = new FileServer();
  for (let index = 0; index < fileCount; index++) {
    await server.put(`file-${String(index).padStart(3, "0")}`, new Uint8Array(index));
  }
  const list = new FileList(server.files);
  await list.refresh();
  return { server, list };
}

function names(list: FileList): string[] {
  return list.files.value!.map(({ name }) => name);
}

Deno.test("pages are walked through forwards and backwards", async () => {
  const { list } = await makeList(2 * PAGE_SIZE + 1);
  assert.equal(names(list).length, PAGE_SIZE);
  await list.next();
  await list.next();
  assert.deepEqual([list.pageNumber.value, list.hasNext.value, names(list)], [3, false, ["file-040"]]);
  await list.previous();
  assert.deepEqual([list.pageNumber.value, list.hasNext.value, names(list)[0]], [2, true, "file-020"]);
});

Deno.test("when the last file of the last page is deleted the page before is shown", async () => {
  const { list } = await makeList(PAGE_SIZE + 1);
  await list.next();
  await list.delete("file-020");
  assert.deepEqual([list.pageNumber.value, names(list).length, list.loading.value], [1, PAGE_SIZE, false]);
});

Deno.test("an answer that was overtaken is not shown", async () => {
  const { server, list } = await makeList(PAGE_SIZE + 1);
  const late = Promise.withResolvers<void>();
  server.network = async (_method, before, act) => {
    const answer = await act();
    await (before === 1 ? late.promise : undefined);
    return answer;
  };
  const overtaken = list.refresh();
  await list.next();
  late.resolve();
  await overtaken;
  assert.deepEqual([list.pageNumber.value, names(list)], [2, ["file-020"]]);
});

Deno.test("when the server is away the list stays, and says why it may be old", async () => {
  const { server, list } = await makeList(1);
  server.network = () => Promise.reject(unavailable());
  await list.refresh();
  assert.deepEqual(names(list), ["file-000"]);
  assert.equal(list.problem.value?.what, "Cannot list the files");
  assert.equal(list.loading.value, false);
  server.network = reliable;
  await list.refresh();
  assert.equal(list.problem.value, undefined);
});
