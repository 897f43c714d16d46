// The example logs in, lists products, places an order, and shows how an invalid request is refused.
//
// It has no retries and no timeouts. The mesh behind the gateway has both, as each contract says.
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"os"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/genproto/googleapis/type/money"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	catalog "shop.example/client/gen/shop/catalog/v1"
	identity "shop.example/client/gen/shop/identity/v1"
	orders "shop.example/client/gen/shop/orders/v2"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	gateway := os.Getenv("MESH_GATEWAY")
	if gateway == "" {
		gateway = "localhost:8080"
	}
	connection, err := grpc.NewClient(gateway, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()

	token, err := logIn(ctx, identity.NewIdentityServiceClient(connection))
	if err != nil {
		return err
	}
	fmt.Println("logged in")

	list, err := catalog.NewCatalogServiceClient(connection).ListProducts(ctx, &catalog.ListProductsRequest{PageSize: 3})
	if err != nil {
		return err
	}
	for _, product := range list.Products {
		fmt.Printf("%s: %s, %s\n", product.Name, product.DisplayName, amount(product.Price))
	}

	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	shop := orders.NewOrdersServiceClient(connection)
	items := []*orders.PlaceOrderItem{{Product: "products/p-0031", Quantity: 2}}
	placed, err := shop.PlaceOrder(ctx, &orders.PlaceOrderRequest{
		RequestId:    rand.Text(),
		Customer:     "customers/me",
		Items:        items,
		PaymentToken: "tok_visa",
		Delivery:     &orders.PlaceOrderRequest_Pickup{Pickup: &orders.Pickup{}},
	})
	if err != nil {
		return err
	}
	order := placed.Order
	fmt.Printf("placed %s: %s, %s\n", order.Name, order.State, amount(order.Costs.Total))

	_, err = shop.PlaceOrder(ctx, &orders.PlaceOrderRequest{Customer: "ada", Items: items})
	printRefusal(err)
	return nil
}

// logIn creates a user and returns an access token for it.
func logIn(ctx context.Context, client identity.IdentityServiceClient) (string, error) {
	email, password := rand.Text()+"@shop.example", rand.Text()
	user := &identity.User{Email: email, DisplayName: "Ada"}
	request := &identity.CreateUserRequest{RequestId: rand.Text(), User: user, Password: password}
	if _, err := client.CreateUser(ctx, request); err != nil {
		return "", err
	}
	issued, err := client.IssueToken(ctx, &identity.IssueTokenRequest{Email: email, Password: password})
	return issued.GetAccessToken(), err
}

// printRefusal prints the details of an error: its reason, and each invalid field.
func printRefusal(err error) {
	for _, detail := range status.Convert(err).Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			fmt.Printf("refused by the server, %s:\n", detail.Reason)
		case *errdetails.BadRequest:
			for _, violation := range detail.FieldViolations {
				fmt.Printf("  %s %s\n", violation.Field, violation.Description)
			}
		}
	}
}

func amount(money *money.Money) string {
	return fmt.Sprintf("%.2f %s", float64(money.GetUnits())+float64(money.GetNanos())/1e9, money.GetCurrencyCode())
}
