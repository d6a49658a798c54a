using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using JitGrains.Gateway.Assertions;
using JitGrains.GatewayTests.Clusters;
using JitGrains.GatewayTests.Support;
using JitGrains.Runtime.Engine;
using Microsoft.Extensions.DependencyInjection;

namespace JitGrains.GatewayTests.Assertions;

public sealed class AssertionTests
{
    private const string Policy = """
        version: 1
        realm: dev
        groups:
          engineering: {}
          managers: {members: [user:bob, user:carol]}
        apis:
          orders:
            upstreams: [$UPSTREAM]
            prefix: /orders
            assertion: {life: 10s}
            actions:
              orders.read: {methods: [GET], path: "/orders/{order}", access: read}
              orders.upload: {methods: [PUT], path: "/orders/{order}/file", access: read}
              orders.delete: {methods: [DELETE], path: "/orders/{order}", binding: action, access: write}
          named:
            upstreams: [$UPSTREAM]
            prefix: /named
            assertion: {audience: "https://named.example.com"}
            actions:
              named.read: {methods: [GET], path: "/named/{order}", access: read}
          watched:
            upstreams: [$UPSTREAM]
            prefix: /watched
            mode: observe
            assertion: true
            actions:
              watched.read: {methods: [GET], path: "/watched/{order}", access: read}
              watched.write: {methods: [POST], path: "/watched/{order}", access: none}
          plain:
            upstreams: [$UPSTREAM]
            prefix: /plain
            actions:
              plain.read: {methods: [GET], path: "/plain/{order}", access: read}
        rules:
          - {name: read, who: {groups: [engineering]}, actions: {access: [read]}, effect: allow}
          - name: windows
            who: {groups: [engineering]}
            actions: {access: [write]}
            effect: approve
            approve: {stages: [{groups: [managers]}], uses: unlimited, window: 10m}
        """;

    [Fact]
    public async Task An_assertion_says_who_what_and_by_whose_approval()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policy, args: ["--store", "memory"]);
        var (alice, bob) = (await gateway.Token("alice"), await gateway.Token("bob"));

        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/42?a=1", alice, headers: ("Jit-Assertion", "forged"))).Status);
        var read = await Read(gateway, upstream.Seen.Last());
        Assert.Equal(("jitgrains", "orders", "dev:user:alice", "orders.read", "order=42"), (Text(read, "iss"), Text(read, "aud"), Text(read, "sub"), Text(read, "action"), Text(read, "resource")));
        Assert.Equal(10, read["exp"]!.GetValue<long>() - read["iat"]!.GetValue<long>());
        Assert.Equal(Sha256("GET /orders/42?a=1"), read["request_digest"]!["line"]!.GetValue<string>());
        Assert.Equal(Sha256(""), read["request_digest"]!["body"]!.GetValue<string>());
        Assert.False(read.ContainsKey("grant") || read.ContainsKey("approvers") || read.ContainsKey("act"));

        // A body that streams through is not known before it is gone.
        await gateway.Send("PUT", "/orders/42/file", alice, new { much = 1 });
        Assert.Null((await Read(gateway, upstream.Seen.Last()))["request_digest"]!["body"]);

        var request = await gateway.Granted(alice, bob, new { action = "orders.delete", reason = "clean up" });
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("DELETE", "/orders/42", alice)).Status);
        var deleted = await Read(gateway, upstream.Seen.Last());
        Assert.Equal((request, "gr_" + request[3..]), (Text(deleted, "request"), Text(deleted, "grant")));
        Assert.Equal("dev:user:bob", Assert.Single(deleted["approvers"]!.AsArray())!.GetValue<string>());

        await gateway.Send("GET", "/named/1", alice);
        Assert.Equal("https://named.example.com", Text(await Read(gateway, upstream.Seen.Last()), "aud"));
        // Each has an id of its own.
        Assert.Equal(4, (await Task.WhenAll(upstream.Seen.Select(s => Read(gateway, s)))).Select(a => Text(a, "jti")).Distinct().Count());
    }

    [Fact]
    public async Task There_is_none_where_nobody_wants_one_or_enforce_would_refuse()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policy, args: ["--store", "memory"]);
        var alice = await gateway.Token("alice");

        await gateway.Send("GET", "/plain/1", alice, headers: ("Jit-Assertion", "forged"));
        Assert.False(upstream.Seen.Last().Headers.ContainsKey("Jit-Assertion"));
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("POST", "/watched/1", alice)).Status);
        Assert.False(upstream.Seen.Last().Headers.ContainsKey("Jit-Assertion"));
        Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/watched/no/action", alice)).Status);
        Assert.False(upstream.Seen.Last().Headers.ContainsKey("Jit-Assertion"));
        await gateway.Send("GET", "/watched/1", alice);
        Assert.Equal("watched", Text(await Read(gateway, upstream.Seen.Last()), "aud"));
    }

    [Fact]
    public async Task Keys_are_published_with_cache_headers_and_without_their_private_halves()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(upstream.Address, Policy, args: ["--store", "memory"]);
        var set = await gateway.Send("GET", "/.jit/jwks");
        Assert.Equal((HttpStatusCode.OK, "public, max-age=300", "application/jwk-set+json"), (set.Status, set.Header("Cache-Control"), set.Header("Content-Type")));
        var key = Assert.Single(set.Json["keys"]!.AsArray())!.AsObject();
        Assert.Equal(["alg", "crv", "kid", "kty", "use", "x", "y"], key.Select(m => m.Key).Order());
        Assert.Equal(HttpStatusCode.NotModified, (await gateway.Send("GET", "/.jit/jwks", headers: ("If-None-Match", set.Header("ETag")!))).Status);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, (await gateway.Send("POST", "/.jit/jwks")).Status);
    }

    /// <summary>A verifier that keeps the published keys as long as it may verifies every token, through three rotations.</summary>
    [Fact]
    public async Task No_rotation_makes_a_token_that_a_cached_key_set_cannot_verify()
    {
        var time = new ManualTime();
        await using var upstream = await OrdersUpstream.Start();
        await using var gateway = await GatewayFixture.Start(
            upstream.Address, Policy, time, args: ["--store", "memory"], settings: new Dictionary<string, string> { ["AssertionKeyRotation"] = "01:00:00" });
        JsonArray? cached = null;
        var fetched = DateTimeOffset.MinValue;
        var signers = new HashSet<string>(StringComparer.Ordinal);
        (SeenCall Call, string Signer)? before = null;
        for (var minute = 0; minute < 200; minute++)
        {
            if (cached is null || time.GetUtcNow() - fetched >= TimeSpan.FromSeconds(PublishedKeys.MaxAge))
                (cached, fetched) = ((await gateway.Send("GET", "/.jit/jwks")).Json["keys"]!.AsArray(), time.GetUtcNow());
            // The development issuer's tokens last for an hour.
            var alice = await gateway.Token("alice");
            Assert.Equal(HttpStatusCode.OK, (await gateway.Send("GET", "/orders/42", alice)).Status);
            var seen = upstream.Seen.Last();
            var signer = SignerOf(seen);
            Assert.True(Verify(seen, cached), $"minute {minute}");
            // And so does one that has just fetched them, for the token of a minute ago.
            if (before is { } last)
                Assert.True(Verify(last.Call, (await gateway.Send("GET", "/.jit/jwks")).Json["keys"]!.AsArray()), $"minute {minute}, the last token");
            before = (seen, signer);
            signers.Add(signer);
            time.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.True(signers.Count >= 3, $"{signers.Count} keys");
        // Each is on record, in the order in which they sign; without its private half, sealed or not.
        var trail = (await gateway.Approver("GET", "audit?type=assertion_key.taken", await gateway.Token("dave"))).Json["items"]!.AsArray();
        Assert.Subset(trail.Select(e => e!["data"]!["key"]!.GetValue<string>()).ToHashSet(StringComparer.Ordinal), signers);
        Assert.All(trail, e => Assert.DoesNotContain("sealed", e!.ToJsonString(), StringComparison.OrdinalIgnoreCase));
        Assert.InRange(cached!.Count, 1, 3);
    }

    [Fact]
    public async Task All_gateways_of_a_cluster_sign_with_keys_that_all_publish_and_restarts_change_none()
    {
        await using var upstream = await OrdersUpstream.Start();
        await using var cluster = await ClusterFixture.Start(Policy, upstream.Address);
        var alice = await cluster.Token("alice");
        for (var gateway = 0; gateway < 2; gateway++)
        {
            Assert.Equal(HttpStatusCode.OK, (await cluster.Send(gateway, "GET", "/orders/42", alice)).Status);
            for (var other = 0; other < 2; other++)
                Assert.True(Verify(upstream.Seen.Last(), (await cluster.Send(other, "GET", "/.jit/jwks", alice)).Json["keys"]!.AsArray()));
        }

        Assert.Single(upstream.Seen.Select(SignerOf).Distinct());
    }

    [Fact]
    public async Task A_restart_goes_on_with_the_key_and_the_store_has_it_sealed_only()
    {
        await using var upstream = await OrdersUpstream.Start();
        string signer, folder;
        await using (var gateway = await GatewayFixture.Start(upstream.Address, Policy, keep: true))
        {
            folder = gateway.Folder;
            await gateway.Send("GET", "/orders/42", await gateway.Token("alice"));
            signer = SignerOf(upstream.Seen.Last());
        }

        await using (var again = await GatewayFixture.Start(upstream.Address, Policy, folder: folder))
        {
            await again.Send("GET", "/orders/42", await again.Token("alice"));
            Assert.Equal(signer, SignerOf(upstream.Seen.Last()));
            var document = await again.Services.GetRequiredService<IGrainFactory>().GetGrain<JitGrains.Assertions.IAssertionKeysGrain>(JitGrains.Assertions.IAssertionKeysGrain.Key).Get();
            var key = Assert.Single(document.Keys);
            Assert.Null(new AssertionKeySeal(new SecretKey(new byte[32])).Open(key.KeyId, key.Sealed));
            Assert.DoesNotContain(key.Sealed, document.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_sealed_key_opens_only_where_it_belongs()
    {
        var seal = new AssertionKeySeal(new SecretKey(new byte[] { 1, 2, 3 }));
        var closed = seal.Close("kid", [7, 8, 9]);
        Assert.Equal([7, 8, 9], seal.Open("kid", closed));
        Assert.Null(seal.Open("other", closed));
        Assert.Null(new AssertionKeySeal(new SecretKey(new byte[] { 1, 2, 4 })).Open("kid", closed));
        Assert.Null(seal.Open("kid", closed[..^2]));
        Assert.Null(seal.Open("kid", "%"));
        Assert.NotEqual(closed, seal.Close("kid", [7, 8, 9]));
    }

    private static string Text(JsonObject claims, string name) => claims[name]!.GetValue<string>();

    private static string Sha256(string text) => Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static JsonObject Part(SeenCall call, int part) =>
        JsonNode.Parse(Base64Url.DecodeFromChars(call.Headers["Jit-Assertion"].Split('.')[part]))!.AsObject();

    private static string SignerOf(SeenCall call) => Text(Part(call, 0), "kid");

    private static async Task<JsonObject> Read(GatewayFixture gateway, SeenCall call)
    {
        Assert.Equal(("ES256", "jit-assertion+jwt"), (Text(Part(call, 0), "alg"), Text(Part(call, 0), "typ")));
        Assert.True(Verify(call, (await gateway.Send("GET", "/.jit/jwks")).Json["keys"]!.AsArray()));
        return Part(call, 1);
    }

    private static bool Verify(SeenCall call, JsonArray keys)
    {
        if (keys.FirstOrDefault(k => k!["kid"]!.GetValue<string>() == SignerOf(call)) is not { } key)
            return false;
        using var ecdsa = ECDsa.Create(new ECParameters
        {
            Curve = ECCurve.NamedCurves.nistP256,
            Q = new ECPoint { X = Base64Url.DecodeFromChars(key["x"]!.GetValue<string>()), Y = Base64Url.DecodeFromChars(key["y"]!.GetValue<string>()) },
        });
        var token = call.Headers["Jit-Assertion"];
        var dot = token.LastIndexOf('.');
        return ecdsa.VerifyData(Encoding.ASCII.GetBytes(token[..dot]), Base64Url.DecodeFromChars(token.AsSpan(dot + 1)), HashAlgorithmName.SHA256);
    }
}
