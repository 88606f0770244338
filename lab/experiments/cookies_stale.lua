-- How long a cookie is good: its minute and the next, and only while its listener has sent another within two minutes.
-- No document says so.  On the kernel this takes two minutes.

experiment{settle = 0.05, limit = 240}

B:sysctl('net.ipv4.tcp_syncookies', 2)
B:listen(9000, 100)
local began = now()
local OPTIONS <const> = {mss = 1460, sackok = true, ts = {1000, 0}, wscale = 7}
local g = {}

for i = 1, 4 do
	g[i] = B:ghost(9000, i, OPTIONS)
	g[i]:syn()
end
sleep(0.05)
for i = 1, 4 do g[i].heard_synack = g[i]:synack() end

local function ack(name, i, at)
	sleep(began + at - now())
	phase(name, function(o)
		g[i]:ack()
		sleep(0.02)
		o['the client heard'] = g[i]:heard()
		o['server ss'] = B:states{port = 9000}
	end)
end

ack('after 1 s', 1, 1)
ack('after 58 s', 2, 58)
ack('after 122 s, and no other was sent since', 3, 122.5)
phase('another one is sent', function() B:ghost(9000, 9, OPTIONS):syn() end)
ack('after 123 s', 4, 123)
