-- ICMP errors and refusals as sockets hear of them: hard and soft, once, or all of them and in full (IP_RECVERR).

experiment{settle = 0.05}

local ROUTER <const> = '198.18.0.77'

local function answer(...)
	local value, _, code = ...
	return code or value
end

-- What the kernel and the stack cannot know alike (ports, identifications) is left out
local function told(s)
	local out = list()
	while true do
		local e, _, code = s:recv_error()
		if not e then
			out[#out + 1] = code
			return out
		end
		out[#out + 1] = ('%d %s %d/%d info %d dst %s:%d offender %s, %d bytes, then %s'):format(e.errno, e.origin, e.type, e.code,
			e.info, e.dst, e.port, e.offender, #e.data, answer(s:error()))
	end
end

-- The router says this about the newest packet of A
local function said(type, code, mtu, how_much)
	local sent = wire.packets(function(p) return p.way == 'a>b' end)
	A:inject(icmp{src = ROUTER, dst = A.addr, type = type, code = code, seq = mtu, data = sent[#sent].raw:sub(1, how_much or 548)})
	sleep(0.02)
end

local function connected(kind, protocol, port)
	local s = A:socket(kind, protocol)
	s:connect_start(B.addr, port or 0)
	return s
end

local echo <const> = icmp_message{type = 8, code = 0, ident = 0, seq = 1, data = 'abc'}

wire.rule(function(p) if p.dst == B.addr then return 'drop' end end)
for _, kind in ipairs{'udp', 'raw', 'ping'} do
	local s = connected(kind, 200, 9)
	local data = kind == 'ping' and echo or 'hello'
	for _, e in ipairs{{3, 0}, {3, 1}, {3, 2}, {3, 3}, {3, 5}, {3, 6}, {3, 9}, {3, 13}, {3, 15}, {4, 0}, {5, 1}, {11, 0}, {12, 0}} do
		phase(('%s, connected: ICMP %d/%d'):format(kind, e[1], e[2]), function(o)
			s:send_now(data)
			sleep(0.01)
			said(e[1], e[2])
			o['send'] = answer(s:send_now(data))
			o['recv'] = answer(s:recv_now(100))
			o['again'] = answer(s:recv_now(100))
		end)
	end
	local u = A:socket(kind, 200)
	phase(kind .. ', not connected: ICMP 3/3', function(o)
		u:sendto(data, B.addr, 9)
		sleep(0.01)
		said(3, 3)
		o['error'] = answer(u:error())
		o['errors'] = told(u)
	end)
	u:set('IP_RECVERR', 1)
	for _, e in ipairs{{3, 1}, {3, 3}, {4, 0}, {5, 1}, {11, 0}, {12, 0}} do
		phase(('%s, IP_RECVERR: ICMP %d/%d'):format(kind, e[1], e[2]), function(o)
			u:sendto(data, B.addr, 9)
			sleep(0.01)
			said(e[1], e[2])
			o['ready'] = u:ready('in')
			o['errors'] = told(u)
			o['recv'] = answer(u:recv_now(100))
		end)
	end
	phase(kind .. ', IP_RECVERR: three at once, one taken by SO_ERROR', function(o)
		u:sendto(data, B.addr, 9)
		sleep(0.01)
		said(3, 1)
		said(11, 0)
		said(3, 3, 0, 28)
		o['SO_ERROR'] = answer(u:error())
		o['errors'] = told(u)
		o['SO_ERROR then'] = answer(u:error())
	end)
	phase(kind .. ', IP_RECVERR off forgets them', function(o)
		said(3, 1)
		u:error()
		u:set('IP_RECVERR', 0)
		o['errors'] = told(u)
	end)
	s:close()
	u:close()
end

phase('udp, too large for the link', function(o)
	local u = A:socket('udp')
	u:set('IP_RECVERR', 1)
	u:set('IP_MTU_DISCOVER', 2)
	o['send'] = answer(u:sendto(('x'):rep(1473), B.addr, 9))
	o['errors'] = told(u)
	o['send 1472'] = answer(u:sendto(('x'):rep(1472), B.addr, 9))
end)
phase('raw, too large for the link', function(o)
	local u = A:socket('raw', 200)
	u:set('IP_RECVERR', 1)
	u:set('IP_MTU_DISCOVER', 3)
	o['send'] = answer(u:sendto(('x'):rep(1481), B.addr))
	o['errors'] = told(u)
end)
phase('udp, a router says 1000', function(o)
	local u = connected('udp', nil, 9)
	u:set('IP_RECVERR', 1)
	u:send_now('x')
	sleep(0.01)
	said(3, 4, 1000)
	o['errors'] = told(u)
	o['IP_MTU'] = u:get('IP_MTU')
	u:set('IP_MTU_DISCOVER', 2)
	o['send 973'] = answer(u:send_now(('x'):rep(973)))
	o['errors then'] = told(u)
	o['send 972'] = answer(u:send_now(('x'):rep(972)))
	u:set('IP_MTU_DISCOVER', 3)
	o['send 1472 with IP_PMTUDISC_PROBE'] = answer(u:send_now(('x'):rep(1472)))
	u:set('IP_MTU_DISCOVER', 4)
	o['send 1473 with IP_PMTUDISC_INTERFACE'] = answer(u:send_now(('x'):rep(1473)))
	o['errors at last'] = told(u)
end)
phase('udp, a router says 900 to one who does not want to know', function(o)
	local u = connected('udp', nil, 9)
	u:set('IP_MTU_DISCOVER', 0)
	u:send_now('x')
	sleep(0.01)
	said(3, 4, 900)
	o['error'] = answer(u:error())
	o['IP_MTU'] = u:get('IP_MTU')
end)
phase('tcp, the SYN does not get there', function(o)
	local c = connected('tcp', nil, 80)
	sleep(0.01)
	said(3, 1, 0, 40)
	local e = c:recv_error()
	o['error'] = e and ('%d %s %d/%d dst %s:%d offender %s'):format(e.errno, e.origin, e.type, e.code, e.dst, e.port, e.offender)
	o['SO_ERROR'] = answer(c:error())
	o['more'] = answer(c:recv_error())
end)
wire.rule(nil)
for _, asked in ipairs{false, true} do
	local port = asked and 9002 or 9001
	local to_b = true
	wire.rule(function(p) if p.dst == B.addr and not to_b then return 'drop' end end)
	local l, c, x = pair(port)
	c:set('IP_RECVERR', asked and 1 or 0)
	to_b = false
	phase(('tcp, established, %s: data does not get there'):format(asked and 'IP_RECVERR' or 'not asked'), function(o)
		c:send('hello')
		sleep(0.02)
		said(3, 1, 0, 60)
		o['ready'] = c:ready('in')
		o['error queue'] = answer(c:recv_error())
		o['recv'] = answer(c:recv_now(10))
		o['again'] = answer(c:recv_now(10))
	end)
	to_b = true
	phase(('tcp, established, %s: and then it does'):format(asked and 'IP_RECVERR' or 'not asked'), {settle = 1}, function(o)
		sleep(1)
		o['received'] = answer(x:recv_now(10))
		o['error'] = answer(c:error())
	end)
	for _, y in ipairs{c, x, l} do y:close() end
end
