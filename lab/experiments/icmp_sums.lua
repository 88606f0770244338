-- The document's two sums.  What goes out: the types together are IcmpOutMsgs.  What comes in: IcmpInMsgs is the types
-- and the errors together if all errors were found before the type was counted; the types alone, if all were found
-- after that; less than both together, if some were found before and some after.

experiment{settle = 0.1}
for _, h in ipairs{A, B} do h:sysctl('net.ipv4.icmp_ratelimit', 0) end

local function types(counters, prefix)
	local sum = 0
	for name, n in pairs(counters) do
		if name:sub(1, #prefix) == prefix then sum = sum + n end
	end
	return sum
end

-- of what has moved since
local function sums(host, before, o)
	local now, moved = host:counters(), {}
	for name, n in pairs(now) do moved[name] = n - (before[name] or 0) end
	local msgs, errors, kinds = moved.IcmpInMsgs, moved.IcmpInErrors, types(moved, 'IcmpMsgInType')
	o['in: messages'], o['in: types'], o['in: errors'] = msgs, kinds, errors
	expect(types(moved, 'IcmpMsgOutType') == moved.IcmpOutMsgs, 'what goes out: the types are the messages')
	expect(kinds <= msgs and msgs <= kinds + errors, 'what comes in: between the types, and the types and the errors')
	return msgs, errors, kinds
end

local function message(o)
	o.src, o.dst = A.addr, B.addr
	B:inject(icmp(o))
end
local function early()
	message{type = 8, data = 'data', bad_checksum = true}
	message{type = 3, code = 1, data = 'data', bad_checksum = true}
	B:inject(ip{src = A.addr, dst = B.addr, proto = 1, data = '\8\0\xf7\xff'})
	B:inject(ip{src = A.addr, dst = B.addr, proto = 1, data = ''})
end
local function late()
	message{type = 3, code = 1, data = 'nothing quoted'}
	message{type = 100}
	message{type = 13}
	B:inject(icmp{src = A.addr, dst = '198.18.0.255', type = 8})
end
local function fine()
	for type = 0, 18 do message{type = type, data = udp{src = B.addr, dst = A.addr, proto = 1, sport = 1, dport = 2}} end
	message{type = 8, data = ('x'):rep(3000)}
end

phase('no errors', function(o)
	local before = B:counters()
	message{type = 8, data = 'data'}
	message{type = 0, data = 'data'}
	message{type = 13, data = ('\0'):rep(12)}
	message{type = 17, data = ('\0'):rep(4)}
	sleep(0.05)
	local msgs, errors, kinds = sums(B, before, o)
	expect(msgs == kinds and errors == 0, 'messages = types')
end)
phase('all errors before the type is known', function(o)
	local before = B:counters()
	early()
	message{type = 8, data = 'data'}
	sleep(0.05)
	local msgs, errors, kinds = sums(B, before, o)
	expect(msgs == kinds + errors, 'messages = types + errors')
end)
phase('all errors after it', function(o)
	local before = B:counters()
	late()
	message{type = 8, data = 'data'}
	sleep(0.05)
	local msgs, errors, kinds = sums(B, before, o)
	expect(msgs == kinds and errors == 4, 'messages = types')
end)
phase('errors before and after it', function(o)
	local before = B:counters()
	early()
	late()
	sleep(0.05)
	local msgs, errors, kinds = sums(B, before, o)
	expect(msgs < kinds + errors and msgs > kinds, 'types < messages < types + errors')
end)
phase('every type, and what a host sends of its own', function(o)
	local before, beforeA = B:counters(), A:counters()
	fine()
	for port = 1, 3 do B:inject(udp{src = A.addr, dst = B.addr, sport = 9, dport = port, data = 'x'}) end
	local r = B:socket('raw')
	for _, type in ipairs{0, 3, 4, 5, 8, 9, 11, 12, 13, 14, 17, 18, 100} do
		r:sendto(icmp_message{type = type}, A.addr)
	end
	r:close()
	sleep(0.1)
	sums(B, before, o)
	sums(A, beforeA, {})
end)
