using System.Net;
using JitGrains.GatewayTests.Support;

namespace JitGrains.GatewayTests.Processes;

/// <summary>SIGTERM: who is held hears how to come back, what runs may end, and the next run goes on from there.</summary>
public sealed class StopTests
{
    private static readonly object Refund = new { amount = 25 };

    [Fact]
    public async Task A_stop_answers_held_callers_and_lets_uploads_end()
    {
        await using var upstream = await MarkedUpstream.Start();
        await using var installation = await Installation.Create(Policies.Orders, upstream.Address);
        using var client = new JitClient(installation);
        var process = await installation.Start();
        var (alice, bob) = (await installation.Token("alice"), await installation.Token("bob"));

        // An upload under a grant, half of which is there.
        var granted = await client.Call(alice, "POST", "/.jit/requests", new { action = "orders.close", resource = "order=7" });
        await client.Vote(bob, granted.Json["id"]!.GetValue<string>());
        await client.Settled(alice, granted.Json["id"]!.GetValue<string>());
        var began = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var rest = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        upstream.Arrived = _ =>
        {
            began.TrySetResult();
            return Task.CompletedTask;
        };
        using var http = new HttpClient();
        using var upload = GatewayFixture.Request("PUT", new Uri(installation.Gateway, "/orders/7/closed"), alice, null);
        upload.Content = new TwoPartContent("first half, ", "second half", rest.Task);
        var uploading = http.SendAsync(upload);
        await began.Task;

        var held = new List<Task<Answer>>();
        foreach (var order in new[] { 1, 2, 3 })
            held.Add(client.Call(alice, "POST", $"/orders/{order}/refunds", Refund, CancellationToken.None, ("Prefer", "wait=50")));
        var requests = new List<string>();
        foreach (var order in new[] { 1, 2, 3 })
            requests.Add(await client.Pending(bob, $"order={order}"));

        await process.Terminate();
        for (var i = 0; i < held.Count; i++)
        {
            var answer = await held[i];
            Assert.Equal((HttpStatusCode.Forbidden, "approval-required"), (answer.Status, answer.Problem));
            Assert.Equal(requests[i], answer.Header("Jit-Request"));
            Assert.Equal(requests[i], answer.Json["task"]!["id"]!.GetValue<string>());
        }

        // They were answered while the upload still ran.
        Assert.False(uploading.IsCompleted);
        rest.SetResult();
        var uploaded = await Answer.Of(await uploading);
        Assert.Equal(HttpStatusCode.OK, uploaded.Status);
        Assert.Equal("first half, second half", uploaded.Json["body"]!.GetValue<string>());
        await process.Ended;
        Assert.Equal(0, process.ExitCode);
        Assert.DoesNotContain("fail:", process.Output, StringComparison.Ordinal);
        Assert.Equal("", process.Errors);

        // The next run knows them all, and what the upload came to.
        await installation.Start();
        var again = await client.Call(alice, "POST", "/orders/1/refunds", Refund, CancellationToken.None, ("Prefer", "wait=0"));
        Assert.Equal((requests[0], "approval-required"), (again.Header("Jit-Request"), again.Problem));
        Assert.Equal(HttpStatusCode.OK, (await client.Vote(bob, requests[0])).Status);
        Assert.Equal(HttpStatusCode.OK, (await client.Call(alice, "POST", "/orders/1/refunds", Refund)).Status);
        Assert.Single(upstream.Calls("POST /orders/1/refunds"));
        var shown = (await client.Control(bob, "GET", $"requests/{granted.Json["id"]}")).Json;
        Assert.Equal("completed", Assert.Single(shown["executions"]!.AsArray())!["status"]!.GetValue<string>());
    }

    /// <summary>A body whose second part comes when it is let.</summary>
    private sealed class TwoPartContent(string first, string second, Task rest) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await stream.WriteAsync(System.Text.Encoding.UTF8.GetBytes(first));
            await stream.FlushAsync();
            await rest;
            await stream.WriteAsync(System.Text.Encoding.UTF8.GetBytes(second));
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}
