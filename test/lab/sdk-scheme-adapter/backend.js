// A DFSP's core system, as sdk-scheme-adapter asks it: knows one person, takes every quote and every transfer.
const { createServer } = require('node:http')

const server = createServer(async (request, response) => {
  let text = ''
  for await (const piece of request) text += piece
  const answer = answerTo(`${request.method} ${request.url}`, text === '' ? {} : JSON.parse(text))
  response.writeHead(answer ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(answer ?? {}))
})

function answerTo(line, body) {
  const party = /^GET \/parties\/(\w+)\/(\w+)/.exec(line)
  if (party) return { idType: party[1], idValue: party[2], type: 'CONSUMER', displayName: 'somebody' }
  if (line === 'POST /quoterequests') {
    const { quoteId, transactionId, amount, currency } = body
    return { quoteId, transactionId, transferAmount: amount, transferAmountCurrency: currency }
  }
  return line === 'POST /transfers' ? { homeTransactionId: 'home-1' } : undefined
}

server.listen(3000, '0.0.0.0')
