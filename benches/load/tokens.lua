-- Sends the tokens of a file (one a line) in turn. wrk itself counts the answers that are not 2xx.
local tokens = {}
local at = 0

function init(args)
  for line in io.lines(args[1]) do
    tokens[#tokens + 1] = wrk.format("GET", "/", { ["Authorization"] = "Bearer " .. line })
  end
end

function request()
  at = at % #tokens + 1
  return tokens[at]
end
