-- SACKs for the middle of super-frames, each to be split for it; but not when the send queue is more than twice its buffer
-- and 258 KiB (CVE-2019-11478): TCPWqueueTooBig.

experiment{settle = 0.02, limit = 30}

local l = A:listen(9000, 4)
local g = A:ghost(9000, 1, {mss = 1460, sackok = true, wscale = 7})
g:syn()
g:ack{win = 8192}
local s = l:accept(1)
local first = g:synack().seq + 1

-- The first ones come soon, so that super-frames hold all that may leave.
local wait = 0.002
local function ack(packets, ...)
	local sack = {}
	for i, n in ipairs{...} do sack[i] = {first + 1460 * n, first + 1460 * (n + 1)} end
	g:put{seq = g.isn + 1, ack = first + 1460 * packets, flags = '.', win = 8192, opts = #sack > 0 and {sack = sack} or nil}
	sleep(wait)
end

s:set('SO_SNDBUF', 2 << 20)
for _ = 1, 30 do s:send_now(('x'):rep(65536)) end
sleep(0.005)
for i = 1, 6 do ack(10 * i) end
wait = 0.005

ack(60, 63)
phase('the buffer is larger than what waits', function(o)
	ack(60, 70, 63)
	o['sacked'] = s:info().sacked
end)
s:set('SO_SNDBUF', 4608)
phase('the buffer is smaller', function(o)
	for _, n in ipairs{75, 77, 81, 85} do ack(60, n, 63) end
	o['sacked'] = s:info().sacked
end)
