using System.Net;
using System.Runtime.Versioning;
using System.Text.Json.Nodes;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Processes;

/// <summary>The webhook, received and checked by the specification's reference library.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class WebhookTests
{
    private const string Secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    private const string OtherSecret = "whsec_AAAQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

    [Theory]
    [InlineData("approve", "approved")]
    [InlineData("deny", "denied")]
    public async Task Raised_and_decided_requests_are_told_and_verify(string decision, string status)
    {
        await using var upstream = await MarkedUpstream.Start();
        await using var receiver = await WebhookReceiver.Start(Secret);
        await using var installation = await Configured(receiver, upstream);
        using var client = new JitClient(installation);
        await installation.Start();
        var (alice, bob) = (await installation.Token("alice"), await installation.Token("bob"));

        // The links are built from the configured address, whatever the caller names as host.
        Task<Answer> Call(params (string, string)[] more) => client.Call(
            alice, "POST", "/orders/42/refunds", new { amount = 25, card_number = "4111" }, CancellationToken.None, [("Prefer", "wait=0"), ("Jit-Reason", "a <b>customer</b> asked"), ("X-Forwarded-Host", "evil.example.com"), .. more]);
        var raised = await Call();
        var id = raised.Header("Jit-Request")!;
        Assert.Equal($"https://jit.example.com/approvals/api/v1/requests/{id}", raised.Json["task"]!["links"]!["approve"]!.GetValue<string>());
        Assert.Equal(HttpStatusCode.OK, (await client.Vote(bob, id, decision)).Status);
        if (decision == "deny")
        {
            // Whoever comes back to a request that is over is told where it is found as well.
            var over = (await Call(("Jit-Request", id))).Json["task"]!;
            Assert.Equal(("denied", $"https://jit.example.com/approvals/api/v1/requests/{id}"), (Text(over, "status"), Text(over["links"]!, "approve")));
        }

        await receiver.Delivered(2);

        var deliveries = receiver.Deliveries;
        Assert.All(deliveries, d => Assert.True(d["verified"]!.GetValue<bool>(), d.ToJsonString()));
        Assert.All(deliveries, d => Assert.Equal("POST /hooks/jit?tenant=1 application/json", $"{d["method"]} {d["url"]} {d["headers"]!["content-type"]}"));
        Assert.Equal(2, deliveries.Select(d => d["headers"]!["webhook-id"]!.GetValue<string>()).Distinct(StringComparer.Ordinal).Count());
        var bodies = deliveries.Select(d => JsonNode.Parse(d["body"]!.GetValue<string>())!).ToList();
        Assert.Equal(["request.raised", "request.decided"], bodies.Select(b => b["type"]!.GetValue<string>()));
        Assert.Equal(["pending", status], bodies.Select(b => b["data"]!["request"]!["status"]!.GetValue<string>()));
        foreach (var body in bodies)
        {
            Assert.True(DateTimeOffset.TryParse(body["timestamp"]!.GetValue<string>(), out _));
            var request = body["data"]!["request"]!;
            Assert.Equal((id, "dev:user:alice", "orders.refund", "order=42"), (Text(request, "id"), Text(request, "principal"), Text(request, "action"), Text(request, "resource")));
            Assert.Equal(("a <b>customer</b> asked", "Refund 25 on order 42"), (Text(request, "reason"), Text(request, "summary")));
            Assert.Equal($"https://jit.example.com/approvals/api/v1/requests/{id}", Text(body["data"]!["links"]!, "self"));
            Assert.DoesNotContain("4111", body.ToJsonString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task What_fails_at_first_is_sent_again_as_the_same_message()
    {
        await using var receiver = await WebhookReceiver.Start(Secret, failures: 2);
        await using var installation = await Configured(receiver, upstream: null);
        using var client = new JitClient(installation);
        var process = await installation.Start();
        await client.Call(await installation.Token("alice"), "POST", "/orders/42/refunds", new { amount = 25 }, CancellationToken.None, ("Prefer", "wait=0"));
        await receiver.Delivered(3);

        var deliveries = receiver.Deliveries;
        Assert.Equal([500, 500, 204], deliveries.Select(d => d["status"]!.GetValue<int>()));
        Assert.All(deliveries, d => Assert.True(d["verified"]!.GetValue<bool>(), d.ToJsonString()));
        Assert.Single(deliveries.Select(d => d["headers"]!["webhook-id"]!.GetValue<string>()).Distinct(StringComparer.Ordinal));
        Assert.Single(deliveries.Select(d => d["body"]!.GetValue<string>()).Distinct(StringComparer.Ordinal));
        await process.Says("failed with status 500");
    }

    [Fact]
    public async Task A_delivery_that_was_due_when_the_process_died_comes_from_the_next_one()
    {
        await using var receiver = await WebhookReceiver.Start(Secret, failures: 1);
        await using var installation = await Configured(receiver, upstream: null, retry: "00:00:02");
        using var client = new JitClient(installation);
        var process = await installation.Start();
        await client.Call(await installation.Token("alice"), "POST", "/orders/42/refunds", new { amount = 25 }, CancellationToken.None, ("Prefer", "wait=0"));
        await receiver.Delivered(1);
        process.Kill();
        await process.Ended;

        await installation.Start();
        await receiver.Delivered(2);
        Assert.Single(receiver.Deliveries.Select(d => d["headers"]!["webhook-id"]!.GetValue<string>()).Distinct(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Another_secret_does_not_verify()
    {
        await using var receiver = await WebhookReceiver.Start(OtherSecret);
        await using var installation = await Configured(receiver, upstream: null);
        using var client = new JitClient(installation);
        await installation.Start();
        await client.Call(await installation.Token("alice"), "POST", "/orders/42/refunds", new { amount = 25 }, CancellationToken.None, ("Prefer", "wait=0"));
        await receiver.Delivered(1);
        Assert.False(receiver.Deliveries[0]["verified"]!.GetValue<bool>());
        Assert.Equal("No matching signature found", Text(receiver.Deliveries[0], "error"));
    }

    internal static async Task<Installation> Configured(WebhookReceiver receiver, MarkedUpstream? upstream, string retry = "00:00:00.2", string secret = Secret)
    {
        var installation = await Installation.Create(Policies.Orders, upstream?.Address);
        var file = Path.Combine(installation.Folder, "webhook-secret");
        await File.WriteAllTextAsync(file, secret + "\n");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        installation.Environment["JITGRAINS__WEBHOOK__URL"] = receiver.Url.AbsoluteUri;
        installation.Environment["JITGRAINS__WEBHOOK__SECRETFILE"] = file;
        installation.Environment["JITGRAINS__WEBHOOK__RETRIES__0"] = retry;
        installation.Environment["JITGRAINS__WEBHOOK__RETRIES__1"] = retry;
        installation.Environment["JITGRAINS__PUBLICURL"] = "https://jit.example.com/approvals/";
        return installation;
    }

    private static string Text(JsonNode node, string name) => node[name]!.GetValue<string>();
}
