-- BBR and CUBIC over 10 Mbit/s and 40 ms, with and without a loss of 1 %: what each fills of the link, its queue, its model.

experiment{settle = 0.2, limit = 60}

for _, h in ipairs{A, B} do
	h:sysctl('net.ipv4.tcp_rmem', '4096 6291456 6291456')
	h:sysctl('net.ipv4.tcp_wmem', '4096 4194304 4194304')
	h:sysctl('net.ipv4.tcp_no_metrics_save', 1)
end

local RATE <const>, MTU <const>, MSS <const> = 10e6, 1500, 1448
local PAYLOAD <const> = RATE / 8 * MSS / MTU -- bytes per second
local port = 9000

-- 5 s of bulk; told of the last 2.  No phase: how many packets that takes is not the same in any two runs.
local function run(name, cc, lose)
	port = port + 1
	wire.set{delay = 0.02}
	local function choose(sock) sock:set('TCP_CONGESTION', cc) end
	local l, c, s = pair(port, nil, choose, choose)
	local sent, bytes, before, rtt, over = 0, 0, nil, 0, false
	wire.rule(function(p)
		if p.way ~= 'a>b' or p.len == 0 then return end
		sent = sent + 1
		if lose and sent % lose == 0 then return 'drop' end
	end)
	wire.set{from = A, delay = 0.02, rate = RATE}
	local began, data = now(), ('x'):rep(65536)
	local writer = spawn(function()
		while not over do c:send(data, 0.1) end
	end)
	local reader = spawn(function()
		while not over do
			local got = s:recv(1000000, 0.1)
			bytes = bytes + (got and #got or 0)
		end
	end)
	while now() - began < 5 do
		sleep(0.05)
		if now() - began >= 3 then
			before = before or bytes
			rtt = math.max(rtt, c:info().rtt)
		end
	end
	local i, of = c:info(), (bytes - before) / 2 / PAYLOAD
	over = true
	writer:join(2)
	reader:join(2)
	observe(name .. ': link', of >= 0.9 and 'full' or of < 0.6 and 'mostly idle' or 'between')
	observe(name .. ': queue', rtt < 150000 and 'short' or rtt > 220000 and 'long' or 'between')
	observe(name .. ': min_rtt', i.min_rtt // 1000 >= 40 and i.min_rtt < 45000 and 'the path' or i.min_rtt)
	if cc == 'bbr' then
		local rate, pace = i.delivery_rate / PAYLOAD, i.pacing_rate / PAYLOAD
		observe(name .. ': delivery_rate', rate > 0.85 and rate < 1.15 and 'the link' or rate)
		observe(name .. ': pacing_rate', pace > 0.65 and pace < 1.35 and 'the link' or pace)
	end
	wire.rule(nil)
	wire.set{delay = 0.02}
	for _, x in ipairs{c, s} do
		x:linger(0)
		x:close()
	end
	l:close()
	sleep(0.3)
end

run('bbr', 'bbr')
run('bbr, 1 % lost', 'bbr', 100)
run('cubic', 'cubic')
run('cubic, 1 % lost', 'cubic', 100)
