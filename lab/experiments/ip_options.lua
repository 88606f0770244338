-- Options of IPv4: what a host writes into record route and timestamp, what its echo reply carries back, what is refused.

experiment{settle = 0.1}
A:sysctl('net.ipv4.icmp_ratelimit', 0)
B:sysctl('net.ipv4.icmp_ratelimit', 0)

local AB <const> = '\xc6\x12\0\1\xc6\x12\0\2'
local a, b = AB:sub(1, 4), AB:sub(5, 8)
local Z <const> = '\0\0\0\0'

local function hex(s) return (s:gsub('.', function(c) return ('%02x'):format(c:byte()) end)) end

-- The reply's options; what follows a known address or the head of a timestamp option is a time: T
local function shown(options, times)
	local text = {}
	for at = 1, #options, 4 do
		local word = options:sub(at, at + 3)
		local time = times and at > 1 and word ~= Z and word ~= a and word ~= b
		table.insert(text, time and 'T' or hex(word))
	end
	return table.concat(text, ' ')
end

local function ask(tag, options, times)
	phase(tag, function(o)
		local known = #wire.packets()
		B:inject(ip{src = A.addr, dst = B.addr, proto = 1, options = options,
		            data = icmp_message{type = 8, ident = 3, seq = 1, data = 'data'}})
		sleep(0.05)
		local all = wire.packets()
		for i = known + 1, #all do
			if all[i].way == 'b>a' then
				local raw = all[i].raw
				local header = (raw:byte(1) & 15) * 4
				o['answer'] = ('%d/%d to %s'):format(raw:byte(header + 1), raw:byte(header + 2), all[i].dst)
				o['options'] = shown(raw:sub(21, header), times)
				if raw:byte(header + 1) == 12 then o['points at'] = raw:byte(header + 5) end
			end
		end
	end)
end

ask('none', '')
ask('record route, room for 3', '\7\15\4' .. Z .. Z .. Z .. '\0')
ask('record route, room for 1', '\7\7\4' .. Z .. '\0')
ask('record route, full', '\7\7\8' .. a .. '\0')
ask('record route behind two no-operations', '\1\1\7\11\4' .. Z .. Z .. '\0\0\0')
ask('record route with half a place', '\7\7\6' .. Z .. '\0')
ask('record route, pointer 3', '\7\7\3' .. Z .. '\0')
ask('record route of 2 bytes', '\7\2\0\0')
ask('record route twice', '\7\7\4' .. Z .. '\7\7\4' .. Z .. '\0\0')
ask('timestamps, room for 3', '\x44\x10\5\0' .. Z .. Z .. Z, true)
ask('timestamps, full', '\x44\8\9\0' .. Z)
ask('timestamps, full, 15 have found no room', '\x44\8\9\xf0' .. Z)
ask('timestamps, half a place', '\x44\8\7\0' .. Z)
ask('timestamps, pointer 4', '\x44\8\4\0' .. Z)
ask('timestamps of 3 bytes', '\x44\3\5\0')
ask('addresses and times, room for 2', '\x44\x14\5\1' .. Z .. Z .. Z .. Z, true)
ask('addresses and times, room for half', '\x44\8\5\1' .. Z)
ask('prespecified: B, B', '\x44\x14\5\3' .. b .. Z .. b .. Z, true)
ask('prespecified: B, A', '\x44\x14\5\3' .. b .. Z .. a .. Z, true)
ask('prespecified: A, B', '\x44\x14\5\3' .. a .. Z .. b .. Z, true)
ask('prespecified, full, 15 have found no room', '\x44\8\9\xf3' .. Z)
ask('timestamps of an unknown kind', '\x44\8\5\2' .. Z)
ask('timestamps twice', '\x44\8\5\0' .. Z .. '\x44\8\5\0' .. Z, true)
ask('record route and timestamps', '\7\7\4' .. Z .. '\x44\8\9\x10' .. Z .. '\0')
ask('router alert', '\x94\4\0\0')
ask('router alert of 3 bytes', '\x94\3\0\0')
ask('unknown option', '\x1e\4\1\2')
ask('stream identifier', '\x88\4\1\2')
ask('longer than the header', '\7\x0c\4' .. Z .. '\0')
ask('length 1', '\7\1\4\0')
ask('length cut off', '\1\1\1\7')
ask('something behind the end', '\0\7\7\4')
ask('loose source route, at its end', '\x83\7\8' .. a .. '\0')
for _, h in ipairs{A, B} do h:sysctl('net.ipv4.conf.all.accept_source_route', 1) end
ask('accepted: at its end', '\x83\7\8' .. a .. '\0')
ask('accepted: at its end, by way of others', '\x83\11\12\xc6\x12\0\7\xc6\x12\0\8\0')
ask('accepted: strict, by way of others', '\x89\11\12\xc6\x12\0\7\xc6\x12\0\8\0')
ask('accepted: the next is B', '\x83\7\4' .. b .. '\0')
ask('accepted: the next is another', '\x83\7\4\xc6\x12\0\9\0')
ask('accepted: half a place left', '\x83\7\6' .. Z .. '\0')
ask('source route, pointer 3', '\x83\7\3' .. Z .. '\0')
ask('source route of 2 bytes', '\x83\2\0\0')
ask('two source routes', '\x83\3\4\x83\3\4\0\0')
ask('accepted: source route and record route', '\x83\7\8\xc6\x12\0\7\7\11\4' .. Z .. Z .. '\0\0')
