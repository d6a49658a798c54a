using JitGrains.Gateway.Hosting;

namespace JitGrains.Gateway.Quickstart;

/// <summary>What the quickstart says once it listens: the README's worked example, to copy.</summary>
internal static class Banner
{
    public static Task Write(TextWriter output, Listeners listeners)
    {
        var gateway = Trim(listeners.Address(ListenerRole.Gateway));
        var control = Trim(listeners.Address(ListenerRole.ControlPlane));
        // The jit command looks for both at their usual ports.
        var elsewhere = gateway.EndsWith(":8080", StringComparison.Ordinal) && control.EndsWith(":8081", StringComparison.Ordinal)
            ? ""
            : $" JIT_GATEWAY={gateway} JIT_CONTROL={control}";
        return output.WriteLineAsync($"""

            JitGrains quickstart
              gateway        {gateway}
              control plane  {control}
              upstream       {Trim(listeners.Address(ListenerRole.SampleUpstream))} (sample orders)

            Try, in another terminal:
              alice=$(dotnet run --project cli -- dev token alice | tail -n 1)
              curl {gateway}/orders -H "Authorization: Bearer $alice"
              curl {gateway}/orders/42/refunds -H "Authorization: Bearer $alice" -H "Prefer: wait=50" --json '{"{\"amount\": 25}"}'

            The second is held for up to 50 seconds; sent again after that, it joins the same request. As bob, in a third terminal:
              export JIT_AS=bob{elsewhere}
              dotnet run --project cli -- requests
              dotnet run --project cli -- approve ID

            """);
    }

    private static string Trim(Uri? address) => address?.GetLeftPart(UriPartial.Authority) ?? "-";
}
