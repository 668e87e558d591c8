// Node's net.
//
// node net.js raw|line        Read buffer: Node's own, 64 KiB a read.
const net = require('node:net');

const isLine = process.argv[2] === 'line';
const end = isLine ? '\n' : '';

// latin1 keeps every byte as it is, and is the quickest of Node's encodings.
function answers(messages) {
  let out = '';
  for (const message of messages) {
    if (message === 'exit') return [out, true];
    out += `Hello, ${message}!${end}`;
  }
  return [out, false];
}

const server = net.createServer({ noDelay: true }, (socket) => {
  let rest = '';
  socket.setEncoding('latin1');
  socket.write('Welcome!' + end, 'latin1');
  socket.on('data', (text) => {
    let messages = [text];
    if (isLine) {
      messages = (rest + text).split('\n');
      rest = messages.pop();
      messages = messages.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
    }
    const [out, isOver] = answers(messages);
    if (out) socket.write(out, 'latin1');
    if (isOver) socket.end();
  });
  socket.on('error', () => socket.destroy());
});

server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
  console.log(`listening on tcp://127.0.0.1:${server.address().port}`);
});
