// Node's http as another opinion on requests: it answers all of them with 200, and says on which port.
import http from "node:http";

const server = http.createServer((request, response) => {
  request.on("error", () => {});
  request.resume().on("end", () => response.end("ok"));
});
server.listen(0, "127.0.0.1", () => console.log(`listening on ${server.address().port}`));
