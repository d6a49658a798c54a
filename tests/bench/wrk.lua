-- Sends GET requests with one of the tokens in the file that TOKENS names (one a line), taken in turn.
local tokens = {}
local file = os.getenv("TOKENS")
if file then
  for line in io.lines(file) do
    if #line > 0 then tokens[#tokens + 1] = line end
  end
end

local next_token = 0

request = function()
  if #tokens == 0 then
    return wrk.format("GET")
  end
  next_token = next_token % #tokens + 1
  return wrk.format("GET", nil, { Authorization = "Bearer " .. tokens[next_token] })
end

-- One line that the bench reads: duration in microseconds, requests, failures, p50 and p99 in microseconds.
done = function(summary, latency, requests)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout
  io.write(string.format("RESULT %d %d %d %d %d\n", summary.duration, summary.requests, failed, latency:percentile(50), latency:percentile(99)))
end
