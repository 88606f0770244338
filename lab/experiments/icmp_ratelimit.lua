-- How many errors a host sends: 6 at once and then 1 a second to each destination, 50 and 1000 a second to all together.

experiment{settle = 0.1}

local function datagrams(host, n, from)
	for i = 1, n do
		host:inject(udp{src = from or host.other.addr, dst = host.addr, sport = 1000 + i, dport = 2, data = 'x'})
	end
end

A:sysctl('net.ipv4.icmp_msgs_burst', 0)
phase('icmp_msgs_burst 0: 5 datagrams', function() datagrams(A, 5) end)
A:sysctl('net.ipv4.icmp_ratemask', 0)
phase('icmp_ratemask 0: 5 datagrams', function() datagrams(A, 5) end)

phase('20 datagrams at once', function() datagrams(B, 20) end)
sleep(1)
phase('3 more after a second', function() datagrams(B, 3) end)
sleep(3)
phase('5 more after three', function() datagrams(B, 5) end)
B:sysctl('net.ipv4.icmp_ratelimit', 0)
phase('icmp_ratelimit 0: 20 datagrams', function() datagrams(B, 20) end)
B:sysctl('net.ipv4.icmp_ratelimit', 100)
sleep(0.7)
phase('icmp_ratelimit 100: 20 datagrams', function() datagrams(B, 20) end)
phase('60 echoes', function()
	for i = 1, 60 do B:inject(icmp{src = A.addr, dst = B.addr, type = 8, seq = i}) end
end)

-- Each costs 0, 1 or 2 of what all have together, by chance: only the sum is the same every time
B:sysctl('net.ipv4.icmp_ratelimit', 1000)
B:route('198.18.7.0', 24)
local hosts = {}
for i = 1, 200 do hosts[i] = ('198.18.7.%d'):format(i) end
wire.lose_to(hosts)
local before = B:counters()
for i = 1, 200 do datagrams(B, 1, hosts[i]) end
sleep(0.3)
local after = B:counters()
local function moved(name) return (after[name] or 0) - (before[name] or 0) end
local sent, held = moved('IcmpOutDestUnreachs'), moved('IcmpOutRateLimitGlobal')
observe('200 hosts: answered or held back', sent + held)
expect(sent >= 30 and held >= 20, '%d answered, %d held back', sent, held)
