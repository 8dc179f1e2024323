; The same zone; www is what multifo makes of the checks, kept for 15 to 30 s.
@     30 SOA ns1 hostmaster (
        1
        3600
        600
        604800
        30 )
@     NS ns1
@     NS ns2
ns1   A 192.0.2.53
ns2   A 192.0.2.54
www   30/15 DYNA multifo!www
